"""What of a walk is scored beyond the tasks that it has learnt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from atlas.runtime.text import counted


class BeyondDescription(TypedDict):
    """A `Beyond` as plain JSON values."""

    ahead: bool
    label_space: list[str]
    growing: NotRequired[bool]


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """Scores after each task of a walk, beside those of the tasks learnt so far.

    ahead: those of the tasks to come, on route `latest`. label_space: the tasks whose classes compete on route `free`,
    on which each of them is scored before the first task and after every one; without any the route is not scored.
    growing: of these the classes of the tasks learnt so far alone compete, as in class-incremental learning.
    """

    ahead: bool = False
    label_space: tuple[str, ...] = ()
    growing: bool = False

    def competing(self, learnt: Collection[str]) -> tuple[str, ...]:
        """The tasks whose classes compete once these are learnt."""
        return tuple(task for task in self.label_space if not self.growing or task in learnt)

    @property
    def in_words(self) -> str:
        """`tasks to come (route latest), 3 tasks in one label space (route free)`."""
        ahead = ["tasks to come (route latest)"] if self.ahead else []
        among = "tasks learnt so far" if self.growing else counted(len(self.label_space), "task")
        return ", ".join([*ahead, *([f"{among} in one label space (route free)"] if self.label_space else [])])

    def describe(self) -> BeyondDescription:
        """It as plain JSON values; `beyond_from` is the inverse."""
        return {"ahead": self.ahead, "label_space": list(self.label_space), "growing": self.growing}


def beyond_from(description: BeyondDescription) -> Beyond:
    """The `Beyond` of `Beyond.describe`."""
    return Beyond(
        ahead=description["ahead"],
        label_space=tuple(description["label_space"]),
        growing=description.get("growing", False),
    )
