"""A resumed sweep's definition: compared with the one that it was started with, and refused or gone on with.

And the folder of a sweep as it begins or goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.config.experiment import Experiment
from atlas.learners import Precision
from atlas.runtime.console import say
from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted
from atlas.search.definition import Change, SearchDefinition, changes_since, define_search
from atlas.steps.step import StepInputs
from atlas.sweep.folder import SweepFolder
from atlas.tracking import TrialFinished, read_events

if TYPE_CHECKING:
    from rich.console import Console

UNRECORDED = (
    "an earlier version started this sweep and did not record its definition: whether its file has changed since "
    "cannot be compared"
)


def define(
    experiment: Experiment, inputs: StepInputs, folder: SweepFolder | None, console: Console
) -> SearchDefinition:
    """The definition of a new sweep, or the one with which that in `folder` goes on: what has changed is printed.

    Raises:
        UserError: it has changed and `--changed` is not given, or in a way that it cannot go on with; fewer trials
            are asked for than have finished.
    """
    now = define_search(experiment, inputs)
    if folder is None:
        return now
    was = folder.definition()
    if was is None:
        say(console, f"{UNRECORDED}.", wrap=True)
    changes = changes_since(was, experiment, inputs) if was else []
    for change in changes:
        say(console, f"changed since the sweep was started: {change.line}", wrap=True)
    _check(changes, folder, allowed=experiment.options.run.changed)
    _check_count(experiment.trial_count(), folder)
    lines = (*(was.changes if was else ()), *(change.line for change in changes))
    return now.model_copy(update={"changes": lines})


def opened(
    folder: SweepFolder | None, experiment: Experiment, definition: SearchDefinition, precision: Precision
) -> SweepFolder:
    """The sweep's folder, a new one or the one that is resumed, with the options and the definition to go on with."""
    options = experiment.options.changed(precision=precision)
    if folder is None:
        folder = SweepFolder.new(options.storage.path, experiment.sweep.name, options)
    elif options.run.changed or options.run.budget != folder.options().run.budget:
        folder.write_options(options.changed(resume=None))
    folder.write_definition(definition)
    return folder


def _check(changes: list[Change], folder: SweepFolder, *, allowed: bool) -> None:
    if final := [change.line for change in changes if change.final]:
        raise UserError(
            f"the sweep {folder.id} cannot go on: {'; '.join(final)}. Trials that have finished could not be compared "
            f"with those to come; undo that, or start a new sweep without --resume."
        )
    if changes and not allowed:
        raise UserError(
            f"the sweep {folder.id} has changed since it was started: {'; '.join(change.line for change in changes)}. "
            f"Undo that, or add --changed: trials that have finished stay, the others are drawn from what it is now."
        )


def _check_count(trials: int, folder: SweepFolder) -> None:
    ended = {event.trial for event in read_events(folder.spool) if isinstance(event, TrialFinished) and _is_end(event)}
    if trials < len(ended):
        raise UserError(
            f"{counted(trials, 'trial')} {by_number(trials, 'is', 'are')} asked for, but {len(ended):,} of the sweep "
            f"{folder.id} {by_number(len(ended), 'has', 'have')} finished; give at least as "
            f"many, or start a new sweep without --resume."
        )


def _is_end(event: TrialFinished) -> bool:
    return event.status in ("FINISHED", "PRUNED")
