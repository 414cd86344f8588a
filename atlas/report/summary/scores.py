"""The scores in `summary.json` that are no trial's own: tasks, references, joint models, probes, orders."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from atlas.report.summary.base import SummaryPart
from atlas.runtime.text import counted
from atlas.storage.score_names import Route, Split

BARE = "M_0"  # the `trial` of probes on the bare backbone


class OrderAccuracies(SummaryPart):
    """The average accuracy (test, route latest) of orders after their last task, in percent.

    Relative to each task alone, where orders take different tasks.
    """

    orders: tuple[tuple[str, ...], ...]
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean. Raises ZeroDivisionError without orders."""
        return sum(self.accuracies) / len(self.accuracies)

    @property
    def worst(self) -> float:
        """The lowest. Raises ValueError without orders."""
        return min(self.accuracies)


class HeldOut(SummaryPart):
    """The setting of the best trial on orders that it was chosen by, and on those that no trial took."""

    trial: str
    chosen_by: OrderAccuracies
    held_out: OrderAccuracies

    def in_words(self, unit: str = "%") -> str:
        """Both means, the worst held-out order, and the gap, in a sentence; why there is none where there is none.

        unit: that of the accuracies.
        """
        if not self.chosen_by.orders or not self.held_out.orders:
            return "no order was held out: none was left, or the sweep was stopped before it was walked"
        gap = self.chosen_by.mean - self.held_out.mean
        return (
            f"the setting of trial {self.trial} scores {self.chosen_by.mean:.1f} {unit} on "
            f"{counted(len(self.chosen_by.orders), 'order')} that chose it, and {self.held_out.mean:.1f} {unit} on "
            f"{counted(len(self.held_out.orders), 'held-out order')} (worst {self.held_out.worst:.1f} %): a gap of "
            f"{gap:+.1f} points (test)"
        )


class TaskFacts(SummaryPart):
    """A task and its prepared data. Scores in percent."""

    title: str = ""
    chance: float
    """The score of guessing."""
    score: str
    """`accuracy` or `soft` (VQA's agreement of ten answers)."""
    modality: str
    majority: float | None = None
    """The score on `test` of always giving the most frequent answer."""
    fingerprint: str
    """sha256 of the prepared data."""
    counts: dict[str, int]
    """Split → records."""
    templates: tuple[str, ...] = ()
    """The sentences for the names of its classes, by `similarity`; absent for the usual ones."""


class SplitScore(SummaryPart):
    """A score in percent on each split; None where it was not evaluated."""

    val: float | None
    test: float | None

    def of(self, split: Split) -> float | None:
        """The score on one split."""
        return self.val if split == "val" else self.test


SeedScores = dict[int, dict[str, SplitScore]]
"""Seed → task → score."""


class References(SummaryPart):
    """Scores of each task by itself: a single-task adapter, a trained head alone, an untrained head, zero-shot."""

    single_task: Annotated[SeedScores, Field(validation_alias="lone", serialization_alias="lone")] = Field(
        default_factory=dict
    )
    """Of each task trained alone, with an adapter; `lone` in the file."""
    head_only: SeedScores = Field(default_factory=dict)
    untrained: SeedScores = Field(default_factory=dict)
    zero_shot: SeedScores = Field(default_factory=dict)
    """Of the bare backbone, answering by similarity; absent where it cannot."""

    def kinds(self) -> dict[str, SeedScores]:
        """The references by the file's names of their kinds."""
        return {
            "lone": self.single_task,
            "head_only": self.head_only,
            "untrained": self.untrained,
            "zero_shot": self.zero_shot,
        }

    def scores(self, kind: str, task: str, split: Split) -> dict[int, float]:
        """Seed → the score of one task, of the seeds that have it."""
        found = {seed: tasks[task].of(split) for seed, tasks in self.kinds()[kind].items() if task in tasks}
        return {seed: score for seed, score in found.items() if score is not None}


class JointScores(SummaryPart):
    """Scores (task → percent) of a model trained on `tasks` together: intransigence compares with it."""

    tasks: tuple[str, ...]
    seed: int
    val: dict[str, float]
    test: dict[str, float]

    def of(self, split: Split) -> dict[str, float]:
        """The scores on one split."""
        return self.val if split == "val" else self.test


class ProbeScore(SummaryPart):
    """The few-shot score of a downstream task, trained after an order."""

    trial: str
    """`M_0`: on the bare backbone."""
    order: tuple[str, ...]
    seed: int
    task: str
    way: str
    """`experience`, `both` or `head`."""
    shots: str
    """In words."""
    val: float
    test: float

    def of(self, split: Split) -> float:
        """The score on one split."""
        return self.val if split == "val" else self.test


class OrderDisparity(SummaryPart):
    """Distance of the final scores of a task between orders, in points, under one setting."""

    settings: dict[str, JsonValue]
    split: Split
    route: Route
    count: int
    """The number of orders."""
    opd: dict[str, float]
    """Task → the best final score minus the worst."""
    aopd: float | None
    """The mean over tasks; None with fewer than two orders."""
    mopd: float | None
    """The maximum over tasks."""
