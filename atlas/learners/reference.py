"""The learners that others are measured by: the head alone, and each task with an adapter of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.schedule import Schedule
from atlas.learners.two_stage import TwoStage

if TYPE_CHECKING:
    import torch

    from atlas.learners.stack import Stack


@dataclass(frozen=True, kw_only=True)
class HeadStage(Stage):
    """The task's head over the frozen backbone. Nothing else is trained, so nothing is forgotten."""

    kind: ClassVar[str] = "head"

    def begin(self, stack: Stack, task: str, generator: torch.Generator) -> None:
        stack.ensure_head(task, generator)
        stack.train_head(task)


@dataclass(frozen=True, kw_only=True)
class HeadOnly(Learner):
    """A head a task over the frozen backbone: what the backbone knows already (a linear-probe-like baseline)."""

    name: ClassVar[str] = "head-only"
    lineage: ClassVar[Lineage] = "none"
    schedule: Schedule = field(default_factory=Schedule)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (HeadStage(schedule=self.schedule),)


@dataclass(frozen=True, kw_only=True)
class LoneAdapters(Learner):
    """Each task learnt alone: the first step of ATLAS for every task, so the two share these steps.

    Its scores are the denominators of relative accuracy (METHOD, 4).
    """

    name: ClassVar[str] = "lone-adapters"
    lineage: ClassVar[Lineage] = "none"
    like: TwoStage = field(default_factory=TwoStage)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return self.like.stages(0)
