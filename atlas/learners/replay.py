"""Experience replay: fine-tuning with batches from a small memory of the earlier tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import PriorStep, ReplayBatch, StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError, unknown

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue
    from torch import Tensor

    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.task_data import TaskData

WAYS_TO_CHOOSE = ("random", "balanced")


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The replay memory of a task: how many training records, and how they are chosen.

    `random` draws evenly; `balanced` takes the classes by turns, each in random order (for soft scores the class is
    that of the highest score).
    """

    records: int = 100
    chosen: str = "balanced"

    def __post_init__(self) -> None:
        if self.records < 0:
            raise UserError(f"records is {self.records}; give how many records of a task the memory keeps, 0 or more.")
        if self.chosen not in WAYS_TO_CHOOSE:
            raise unknown("way to choose records", self.chosen, WAYS_TO_CHOOSE)

    def choose(self, data: TaskData, seed: int) -> list[int]:
        """The numbers of the records in the memory, ascending: a function of data and seed alone."""
        from atlas.data.loader import permutation

        train = data.splits["train"]
        shuffled = permutation(len(train), seed=seed, epoch=0).tolist()
        if self.chosen == "balanced":
            labels = train.targets.argmax(1) if train.targets.ndim == 2 else train.targets
            shuffled = _by_turns(shuffled, labels.tolist())
        return sorted(shuffled[: self.records])


@dataclass(frozen=True, kw_only=True)
class ReplayStage(Stage):
    """Fine-tuning with a batch from the memory added to each batch of the task's own."""

    kind: ClassVar[str] = "replaying"
    replaces: ClassVar[bool] = True
    replays: ClassVar[bool] = True
    memory: Memory = field(default_factory=Memory)
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give that of the replayed records' loss as 0 or more.")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return ReplayHooks(context, self)


class ReplayHooks(StageHooks):
    """Replay of the earlier tasks' memories, one task an update in turn, and the choice of the newest task's memory."""

    def __init__(self, context: StageContext, stage: ReplayStage) -> None:
        self.context, self.stage = context, stage
        memories = {step.task: memory for step in context.prior_steps if stage.weight and (memory := _memory_of(step))}
        self.turns = cycle([self._stream(task, numbers) for task, numbers in memories.items()])
        self.empty = not memories
        self.find_unused_parameters = len(memories) > 1
        for task in memories:
            context.model.heads[task].requires_grad_(True)

    def replay(self) -> list[ReplayBatch]:
        """A batch of one earlier task, as large as the task's own."""
        return [] if self.empty else [next(next(self.turns))]

    def on_stage_end(self) -> dict[str, JsonValue]:
        """The numbers of the records to keep of the newest task."""
        context = self.context
        return {"memory": [*self.stage.memory.choose(context.data[context.task], context.seed("memory"))]}

    def _stream(self, task: str, numbers: list[int]) -> Iterator[ReplayBatch]:
        import torch

        from atlas.learners.fit import batches

        memory: Tensor = torch.tensor(numbers)
        size, seed = self.stage.schedule.batch_size, self.context.seed(f"rehearse {task}")
        for indices in batches(len(memory), size, sys.maxsize, seed):
            yield ReplayBatch(data=self.context.data[task], indices=memory[indices], weight=self.stage.weight)


def _memory_of(step: PriorStep) -> list[int]:
    """The numbers of the records that an earlier step keeps; none where it keeps no memory."""
    numbers = step.result.hooks.get("memory")
    return [number for number in numbers if isinstance(number, int)] if isinstance(numbers, list) else []


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
    kept with the step. The heads of the earlier tasks are trained too.
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
        return (ReplayStage(schedule=self.schedule, memory=self.memory, weight=self.weight),)
