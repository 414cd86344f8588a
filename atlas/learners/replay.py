"""Experience replay: fine-tuning that learns a few records of the earlier tasks again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import ReplayBatch, StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import AtlasError, unknown

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.task_data import TaskData

CHOICES = ("random", "balanced")


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What of a task is remembered: how many training records, and how they are chosen.

    `random` draws evenly; `balanced` takes the classes by turns, each in random order (for soft scores the class is
    that of the highest score).
    """

    records: int = 100
    chosen: str = "balanced"

    def __post_init__(self) -> None:
        if self.records < 0:
            raise AtlasError(f"records is {self.records}; give how many records of a task are remembered, 0 or more.")
        if self.chosen not in CHOICES:
            raise unknown("way to choose records", self.chosen, CHOICES)

    def choose(self, data: TaskData, seed: int) -> list[int]:
        """The numbers of the training records that are remembered, ascending: a function of data and seed alone."""
        from atlas.data.loader import permutation

        train = data.splits["train"]
        shuffled = permutation(len(train), seed=seed, epoch=0).tolist()
        if self.chosen == "balanced":
            labels = train.targets.argmax(1) if train.targets.ndim == 2 else train.targets
            shuffled = _by_turns(shuffled, labels.tolist())
        return sorted(shuffled[: self.records])


@dataclass(frozen=True, kw_only=True)
class Replaying(Stage):
    """Fine-tuning with a batch of remembered records beside each batch of the task's own."""

    kind: ClassVar[str] = "replaying"
    replaces: ClassVar[bool] = True
    rehearses: ClassVar[bool] = True
    memory: Memory = field(default_factory=Memory)
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise AtlasError(f"weight is {self.weight}; give that of the remembered records' loss as 0 or more.")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def recall(self, lesson: StageContext) -> StageHooks:
        return Remembered(lesson, self)


class Remembered(StageHooks):
    """The records of earlier tasks, one task after the other an update, and the choice for the newest."""

    def __init__(self, lesson: StageContext, stage: Replaying) -> None:
        self.lesson, self.stage = lesson, stage
        held = {past.task: past.facts["memory"] for past in lesson.past if past.facts.get("memory") and stage.weight}
        self.turns = cycle([self._stream(task, numbers) for task, numbers in held.items()])
        self.empty = not held
        self.partly = len(held) > 1
        for task in held:
            lesson.model.heads[task].requires_grad_(True)

    def rehearse(self) -> list[ReplayBatch]:
        """A batch of one earlier task, as large as the task's own."""
        return [] if self.empty else [next(next(self.turns))]

    def on_stage_end(self) -> dict[str, Any]:
        """The numbers of the records to remember of the newest task."""
        lesson = self.lesson
        return {"memory": self.stage.memory.choose(lesson.data[lesson.task], lesson.seed("memory"))}

    def _stream(self, task: str, numbers: list[int]) -> Iterator[ReplayBatch]:
        import torch

        from atlas.learners.fit import batches

        held: Tensor = torch.tensor(numbers)
        size, seed = self.stage.schedule.batch_size, self.lesson.seed(f"rehearse {task}")
        for indices in batches(len(held), size, sys.maxsize, seed):
            yield ReplayBatch(data=self.lesson.data[task], indices=held[indices], weight=self.stage.weight)


def _by_turns(numbers: list[int], labels: list[int]) -> list[int]:
    """The numbers, one of each class after another."""
    seen: dict[int, int] = {}
    ranked = []
    for place, number in enumerate(numbers):
        turn = seen[labels[number]] = seen.get(labels[number], 0) + 1
        ranked.append((turn, place, number))
    return [number for _, _, number in sorted(ranked)]


@dataclass(frozen=True, kw_only=True)
class Replay(Learner):
    """Experience replay (Ratcliff, 1990; Chaudhry et al., 2019): min L_t(B_t) + w L_k(B_k), B_k from the memory of k.

    Each update takes a batch of the newest task and one of the same size from the memory of an earlier task, the
    tasks by turns. `memory` says how many records of a task are kept and how they are chosen; their numbers are
    kept with the step. The heads of the earlier tasks are learnt along.
    """

    name: ClassVar[str] = "replay"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)
    memory: Memory = field(default_factory=Memory)
    weight: float = 1.0

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (Replaying(schedule=self.schedule, memory=self.memory, weight=self.weight),)
