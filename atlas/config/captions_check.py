"""The check that a learner can learn a sweep's tasks of captions, before anything is prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.learners import LEARNERS
from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number
from atlas.tasks import find_task

if TYPE_CHECKING:
    from atlas.config.search import SearchOptions
    from atlas.learners import Learner


def check_captions(search: SearchOptions, learner: Learner | None) -> None:
    """Raises UserError, with the reason, for a learner that cannot learn captions, where a task has them.

    `learner`: the one that is trained; None where the sweep chooses among several.
    """
    if learner is None or not learner.no_captions:
        return
    captioned = [name for name in (*search.tasks, *search.downstream) if _has_captions(name)]
    if captioned:
        able = [name for name, kind in LEARNERS.items() if not kind.no_captions]
        raise UserError(
            f"the learner {learner.name!r} cannot learn {', '.join(captioned)}, whose answers are captions: "
            f"{learner.no_captions}; give --learner {' or '.join(able[:3])} or another, or leave "
            f"{by_number(len(captioned), 'it', 'them')} out of the tasks."
        )


def _has_captions(name: str) -> bool:
    try:
        return find_task(name).answer_kind == "captions"
    except UserError:
        return False  # made up, as in a simulation; where tasks are prepared, an unknown one is refused
