"""The evaluations beyond what is learnt that a sweep's options ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.learners.readouts import SIMILARITY, WORDED
from atlas.runtime.errors import UserError
from atlas.steps.beyond import Beyond
from atlas.tasks import find_task
from atlas.tasks.suites import find_suite

if TYPE_CHECKING:
    from atlas.config.options import Options
    from atlas.tasks.suites import Suite


def beyond_of(options: Options) -> Beyond | None:
    """What the walks of trials are scored on beyond the tasks learnt so far; None for nothing.

    `auto` is what the suite's figures are made of, where the readout is `similarity`.

    Raises:
        UserError: the readout has no answers for tasks that are not learnt; no task has pictures and classes alone.
    """
    search, training = options.search, options.training
    suite = find_suite(search.suite) if search.suite and training.readout == SIMILARITY else None
    ahead = _scores_ahead(options, suite)
    space = _label_space(options, suite)
    growing = training.label_space == "learnt"
    return Beyond(ahead=ahead, label_space=space, growing=growing) if ahead or space else None


def _scores_ahead(options: Options, suite: Suite | None) -> bool:
    asked, readout = options.training.score_ahead, options.training.readout
    if asked == "yes" and readout not in (SIMILARITY, *WORDED):
        raise UserError(
            f"--score-ahead yes: the readout {readout!r} answers no task before it is learnt; give --readout "
            f"{' or '.join((SIMILARITY, *WORDED))} and a backbone that allows it, or leave it out."
        )
    return asked == "yes" or (asked == "auto" and suite is not None and suite.scored_ahead)


def _label_space(options: Options, suite: Suite | None) -> tuple[str, ...]:
    """The tasks whose classes compete, sorted by name."""
    asked, readout, names = options.training.label_space, options.training.readout, options.search.tasks
    if asked in ("all", "learnt") and readout != SIMILARITY:
        raise UserError(
            f"--label-space {asked}: the readout {readout!r} has no classes that two tasks could share; give --readout "
            f"{SIMILARITY}, or leave it out."
        )
    if asked == "none" or (asked == "auto" and (suite is None or not suite.one_label_space)):
        return ()
    found = tuple(sorted(task.name for task in map(find_task, names) if task.is_named_picture))
    if not found and asked != "auto":
        raise UserError(
            f"--label-space {asked}: none of {', '.join(names)} names pictures by classes alone, as digits does; leave "
            f"it out, or take other --tasks."
        )
    return found
