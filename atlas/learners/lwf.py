"""Learning without forgetting: fine-tuning that keeps giving the old answers, on the new task's records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import AtlasError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class Distillation(Stage):
    """Fine-tuning with a penalty on answers to earlier tasks that are no longer those of the backbone before."""

    kind: ClassVar[str] = "distillation"
    replaces: ClassVar[bool] = True
    weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise AtlasError(f"weight is {self.weight}; give the λ of the old answers as 0 or more (the paper: 1).")
        if not self.temperature > 0:
            raise AtlasError(f"temperature is {self.temperature}; give a number above 0 (the paper: 2).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def recall(self, lesson: StageContext) -> StageHooks:
        return Taught(lesson, self) if self.weight and lesson.past else StageHooks()


class Taught(StageHooks):
    """The backbone and the heads as they were before the newest task: what they answer is to be answered still."""

    def __init__(self, lesson: StageContext, stage: Distillation) -> None:
        from copy import deepcopy

        self.model, self.stage = lesson.model, stage
        self.tasks = lesson.model.learnt(lesson.task)
        self.weights = {f"model.{name}": value.detach().clone() for name, value in self.model.tuned.parameters.items()}
        self.heads = {task: deepcopy(self.model.heads[task]).requires_grad_(False) for task in self.tasks}
        for task in self.tasks:
            self.model.heads[task].requires_grad_(True)

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor:
        """λ Σ_k H(softmax(old logits / T), softmax(logits / T)) over the earlier tasks k, averaged over the records."""
        import torch
        from torch.func import functional_call

        with torch.no_grad():
            taught = functional_call(self.model.backbone, self.weights, (batch.pixels, batch.tokens, batch.mask))
        losses = []
        for task in self.tasks:
            old, new = (self._fitted(one, task).float() for one in (taught, pooled))
            target = self._softened(self.model.read(self.heads[task](old), task)).softmax(-1)
            answer = self._softened(self.model.logits(new, task)).log_softmax(-1)
            losses.append(-(target * answer).sum(-1).mean())
        return self.stage.weight * torch.stack(losses).sum()

    def _fitted(self, pooled: Tensor, task: str) -> Tensor:
        """pooled [B, C, I * D] for a head that reads another number of pictures: cut, or repeated."""
        width = self.model.backbone.width * self.model.images[task]
        return pooled.repeat(1, 1, -(-width // pooled.shape[-1]))[..., :width]

    def _softened(self, logits: Tensor) -> Tensor:
        """logits / T; a lone logit, of a text that competes with no other, is read against 0."""
        import torch

        logits = logits.float() / self.stage.temperature
        return logits if logits.shape[-1] > 1 else torch.cat([logits, torch.zeros_like(logits)], -1)


@dataclass(frozen=True, kw_only=True)
class Lwf(Learner):
    """Learning without forgetting (Li & Hoiem, 2017): min L_t + λ Σ_{k<t} H(ŷ_k^{1/T}, y_k^{1/T}), T = 2, λ = 1.

    On the records of task t, ŷ_k is what the backbone and the head of task k answered before it, y_k what they
    answer now; H is the cross-entropy of the two, softened by the temperature T. No record of the past is needed.
    The earlier heads are learnt along, as in the paper; its warm-up of the new head alone is left out. A head that
    reads another number of pictures than the newest task has gets the first of them, or the one twice.
    """

    name: ClassVar[str] = "lwf"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)
    weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (Distillation(schedule=self.schedule, weight=self.weight, temperature=self.temperature),)
