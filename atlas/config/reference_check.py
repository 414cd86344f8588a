"""Checks of the task on whose records learners hold the model near the pre-trained one, before anything is prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.learners import LEARNERS
from atlas.runtime.errors import UserError
from atlas.tasks import find_task

if TYPE_CHECKING:
    from atlas.config.search import SearchOptions
    from atlas.learners import Learner


def check_reference(search: SearchOptions, learner: Learner | None = None) -> None:
    """Raises UserError for a `--reference` that no learner could take.

    `learner`: the one that is trained; None where the sweep chooses among several.
    """
    if not search.reference:
        return
    if find_task(search.reference).modality == "language":
        raise UserError(
            f"--reference {search.reference}: its records have no picture, whose likeness to texts is to be kept; name "
            f"a task with pictures, or leave it out."
        )
    if learner is not None and not _reads(learner.with_reference(search.reference)):
        able = [name for name, kind in LEARNERS.items() if _reads(kind().with_reference(search.reference))]
        raise UserError(
            f"--reference {search.reference}: the learner {learner.name!r} reads no other task's records; leave it "
            f"out, or give --learner {' or '.join(able)}."
        )


def check_reads(search: SearchOptions, learner: Learner) -> None:
    """Raises UserError for a learner that reads records of a task which is not prepared, or which is trained."""
    for task in _reads(learner):
        find_task(task)
        if task in (*search.tasks, *search.downstream):
            raise UserError(
                f"the learner {learner.name!r} has the reference {task}, which the sweep trains, too; give it a task "
                f"beside those of the sweep."
            )
        if task != search.reference:
            raise UserError(
                f"the learner {learner.name!r} has the reference {task}, whose records are not prepared; give "
                f"--reference {task}, too."
            )


def _reads(learner: Learner) -> list[str]:
    """The tasks whose records its stages read and do not learn."""
    return list(dict.fromkeys(task for stage in learner.stages(1) for task in stage.reads))
