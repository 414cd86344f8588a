"""Reference learners: the head alone, and an adapter for each task alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.schedule import Schedule
from atlas.learners.two_stage import TwoStage

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class HeadStage(Stage):
    """The task's head over the frozen backbone. Nothing else is trained, so nothing is forgotten."""

    kind: ClassVar[str] = "head"

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_head(task)


@dataclass(frozen=True, kw_only=True)
class HeadOnly(Learner):
    """A head a task over the frozen backbone: min over φ_t of L_t(θ_0, φ_t), φ_t the head alone.

    Probing of the backbone (Alain & Bengio, 2017), here with the head of METHOD, 3, which all learners have, instead of
    a linear one. Nothing is shared by the tasks, so nothing is forgotten. A readout without parameters leaves nothing
    to train: the scores are the bare backbone's.
    """

    name: ClassVar[str] = "head-only"
    lineage: ClassVar[Lineage] = "none"
    adapts: ClassVar[bool] = False
    schedule: Schedule = field(default_factory=Schedule)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (HeadStage(schedule=self.schedule),)


@dataclass(frozen=True, kw_only=True)
class SingleTaskAdapters(Learner):
    """Single-task training: out = α Φ_t(h), min over Φ_t, its key, its query and φ_t of L_t, from θ_0 each time.

    One adapter a task (Houlsby et al., 2019), with the one key and query that the first task of ATLAS has (METHOD, 2):
    it is the first step of ATLAS for every task, so the two share these steps. Nothing is forgotten or reused. Its
    scores are the denominators of relative accuracy (METHOD, 4).
    """

    name: ClassVar[str] = "lone-adapters"
    lineage: ClassVar[Lineage] = "none"
    like: TwoStage = field(default_factory=TwoStage)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return self.like.stages(0)
