"""AdapterFusion: single-task adapters, then attention over all of them for the newest task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Gathers, Learner, Lineage, Stage
from atlas.learners.schedule import Schedule
from atlas.learners.two_stage import TwoStage
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class CompositionStage(Stage):
    """Attention over the frozen single-task adapters of all tasks seen, and the task's head."""

    kind: ClassVar[str] = "composing"
    gathers: ClassVar[Gathers] = "steps"
    weight: float = 0.01

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give that of ‖V − I‖² as 0 or more (its code: 0.01).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.compose(task, generator)
        model.ensure_head(task, generator)
        model.train_composition(task)

    def penalty(self, model: ContinualModel, task: str) -> torch.Tensor | None:
        return self.weight * model.composition(task).penalty() if self.weight else None


@dataclass(frozen=True, kw_only=True)
class AdapterFusion(Learner):
    """AdapterFusion (Pfeiffer et al., 2021): knowledge extraction, then knowledge composition.

    Extraction trains each task's adapter alone (the steps of `lone-adapters`, shared with them). Composition freezes
    them and trains, at each site and for each token, out = (Σ_n softmax_n(hᵀ Q Kᵀ z_n) z_n)ᵀ V over the output
    z_n of each adapter n alone; ‖V − I‖² is kept small. The first task has one adapter and nothing to compose. The
    paper composes once over all tasks; here each task is composed with those seen so far. Its lineage is `set`:
    single-task adapters are independent of each other, and attention over them knows no order. On route `latest`
    every task is scored through the newest task's composition, with the head of its single-task adapter.
    """

    name: ClassVar[str] = "adapter-fusion"
    lineage: ClassVar[Lineage] = "set"
    like: TwoStage = field(default_factory=TwoStage)
    composition: Schedule = field(default_factory=Schedule)
    weight: float = 0.01

    def __post_init__(self) -> None:
        self.stages(1)

    def stages(self, position: int) -> tuple[Stage, ...]:
        single_task = self.like.stages(0)
        if position == 0:
            return single_task
        return (*single_task, CompositionStage(schedule=self.composition, weight=self.weight))
