"""Sequential fine-tuning of the backbone: all of it, or all but its lowest layers."""

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
class FineTuningStage(Stage):
    """The task's head and the whole backbone, starting from the weights after the task before."""

    kind: ClassVar[str] = "tuning"
    replaces: ClassVar[bool] = True

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)


@dataclass(frozen=True, kw_only=True)
class TopTuningStage(Stage):
    """The same, with the embeddings and the `frozen` lowest layers kept as pre-trained (None: three quarters)."""

    kind: ClassVar[str] = "top-tuning"
    replaces: ClassVar[bool] = True
    frozen: int | None = None

    def __post_init__(self) -> None:
        if self.frozen is not None and self.frozen < 1:
            raise UserError(f"frozen is {self.frozen}; give 1 layer or more, or take the learner 'fine-tuning'.")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task, frozen=model.backbone.depth * 3 // 4 if self.frozen is None else self.frozen)


@dataclass(frozen=True, kw_only=True)
class FineTuning(Learner):
    """Sequential fine-tuning: min over all weights θ and the head φ_t of L_t(θ, φ_t), from θ_{t−1} on.

    Nothing protects earlier tasks, so it is the usual lower bound of continual learning: catastrophic interference
    (McCloskey & Cohen, 1989); `SeqFT` of CLiMB (Srinivasan et al., 2022).
    """

    name: ClassVar[str] = "fine-tuning"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (FineTuningStage(schedule=self.schedule),)


@dataclass(frozen=True, kw_only=True)
class BottomFrozen(Learner):
    """Fine-tuning with the embeddings and the lowest k layers frozen: min over θ_{>k} and φ_t of L_t.

    Low layers hold features that tasks share, so less is forgotten; `Frozen Bottom-K` of CLiMB (Srinivasan et al.,
    2022), there with 9 of 12 layers. `frozen` is k; None takes three quarters of the layers.
    """

    name: ClassVar[str] = "bottom-frozen"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)
    frozen: int | None = None

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (TopTuningStage(schedule=self.schedule, frozen=self.frozen),)
