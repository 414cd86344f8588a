"""Joint training: all tasks at once, the upper bound of continual learning."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Gathers, Learner, Lineage, Stage
from atlas.learners.hooks import ReplayBatch, StageContext, StageHooks
from atlas.learners.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class JointStage(Stage):
    """The pre-trained backbone and the heads of all tasks, trained together on the data of all of them."""

    kind: ClassVar[str] = "joint-tuning"
    gathers: ClassVar[Gathers] = "data"
    replaces: ClassVar[bool] = True

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return JointHooks(context, self.schedule.batch_size)


class JointHooks(StageHooks):
    """Joint training on the other tasks of the set: each update adds a batch of every one of them."""

    def __init__(self, context: StageContext, size: int) -> None:
        import torch

        from atlas.learners.fit import batches

        self.validation_tasks = [context.data[task] for task in context.joint_tasks]
        for task in context.joint_tasks:
            context.model.ensure_head(task, torch.Generator().manual_seed(context.seed(f"head of {task}")))
            context.model.heads[task].requires_grad_(True)
        self.streams = [
            batches(len(data.splits["train"]), size, sys.maxsize, context.seed(f"records of {data.name}"))
            for data in self.validation_tasks
        ]

    def replay(self) -> list[ReplayBatch]:
        """A batch of every other task, as large as the first one's."""
        return [
            ReplayBatch(data=data, indices=next(stream))
            for data, stream in zip(self.validation_tasks, self.streams, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class Joint(Learner):
    """Joint (multi-task) training (Caruana, 1997): min over θ, φ_1…φ_t of Σ_{k≤t} L_k(θ, φ_k), from the pre-trained θ.

    Each update takes a batch of every task seen, so that each task has as many updates as in single-task training.
    The result depends on the set of tasks and not on their order: all orders of T tasks need 2^T − 1 trainings. Every
    training starts all its tasks anew, so that the routes `latest` and `own` are the same.
    """

    name: ClassVar[str] = "joint"
    lineage: ClassVar[Lineage] = "set"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (JointStage(schedule=self.schedule),)
