"""O-LoRA: a LoRA a task, each in a subspace orthogonal to those of the earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class OLoraStage(Stage):
    """A new LoRA on the sum of the earlier ones, which are frozen, and the task's head."""

    kind: ClassVar[str] = "orthogonal-lora"
    rank: int = 48
    weight: float = 0.5

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank is {self.rank}; a LoRA needs a rank of 1 or more (the paper: 8).")
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give λ as 0 or more (the paper: 0.5).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        weights = [1.0] * (len(model.past(task)) + 1)
        model.add_adapter(
            task, generator, kind="lora", r=self.rank, combination="fixed", weights=weights, skip="outside", penalty=0.0
        )
        model.ensure_head(task, generator)
        model.train_expansion(task)

    def penalty(self, model: ContinualModel, task: str) -> torch.Tensor | None:
        """λ Σ over sites and earlier tasks i of ‖A_i A_tᵀ‖², with A [r, in]."""
        past = model.past(task)
        if not self.weight or not past:
            return None
        downs = [site.atlas_down for site in model.adapters.sites().values()]
        overlaps = [(down[name] @ down[task].T).square().sum() for down in downs for name in past]
        return self.weight * sum(overlaps[1:], overlaps[0])


@dataclass(frozen=True, kw_only=True)
class OLora(Learner):
    """O-LoRA (Wang et al., 2023): W + Σ_{i≤t} B_i A_i, min L_t + λ Σ_{i<t} ‖A_i A_tᵀ‖², λ = 0.5; A_i, B_i frozen.

    The rows of A_i span the subspace of task i; a new LoRA that is orthogonal to them changes the earlier tasks'
    answers little. ‖·‖² is the sum of squares of the paper's equation 6 (its published code sums the
    absolute values). The LoRAs act at the sites of all learners here, in the paper at the attention's projections of
    queries and values. With λ = 0 this is ATLAS without stage 1, LoRAs summed with fixed weights of 1.
    """

    name: ClassVar[str] = "o-lora"
    lineage: ClassVar[Lineage] = "sequence"
    schedule: Schedule = field(default_factory=Schedule)
    rank: int = 48
    weight: float = 0.5

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (OLoraStage(schedule=self.schedule, rank=self.rank, weight=self.weight),)
