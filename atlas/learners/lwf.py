"""Learning without forgetting (LwF): fine-tuning with distillation of the old answers on the new task's records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.readouts import HEAD
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class LwfStage(Stage):
    """Fine-tuning with distillation from the backbone before the newest task, through the earlier tasks' heads."""

    kind: ClassVar[str] = "distillation"
    replaces: ClassVar[bool] = True
    weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give the λ of the old answers as 0 or more (the paper: 1).")
        if not self.temperature > 0:
            raise UserError(f"temperature is {self.temperature}; give a number above 0 (the paper: 2).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return LwfHooks(context, self) if self.weight and context.prior_steps else StageHooks()


class LwfHooks(StageHooks):
    """Distillation from the teacher: the backbone and the heads as they were before the newest task."""

    def __init__(self, context: StageContext, stage: LwfStage) -> None:
        from copy import deepcopy

        self.model, self.stage = context.model, stage
        self.tasks = context.model.other_heads(context.task)
        self.teacher_weights = {
            f"model.{name}": value.detach().clone() for name, value in self.model.tuning.parameters.items()
        }
        self.teacher_heads = {task: deepcopy(self.model.readout(task)).requires_grad_(False) for task in self.tasks}
        for task in self.tasks:
            self.model.heads[task].requires_grad_(True)

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor:
        """λ Σ_k H(softmax(old logits / T), softmax(logits / T)) over the earlier tasks k, averaged over the records."""
        import torch
        from torch.func import functional_call

        with torch.no_grad():
            teacher = functional_call(
                self.model.backbone, self.teacher_weights, (batch.pixels, batch.tokens, batch.mask)
            )
        losses = []
        for task in self.tasks:
            old, new = (self._to_head_width(one, task).float() for one in (teacher, pooled))
            target = self._softened(self.teacher_heads[task].logits(old)).softmax(-1)
            answer = self._softened(self.model.logits(new, task)).log_softmax(-1)
            losses.append(-(target * answer).sum(-1).mean())
        return self.stage.weight * torch.stack(losses).sum()

    def _to_head_width(self, pooled: Tensor, task: str) -> Tensor:
        """pooled [B, C, I * D] for a head of another number of images: cut, or repeated."""
        width = self.model.backbone.pooled_width(self.model.forms[task].images)
        return pooled.repeat(1, 1, -(-width // pooled.shape[-1]))[..., :width]

    def _softened(self, logits: Tensor) -> Tensor:
        """logits / T; a single logit, of a text that competes with no other, is compared with 0."""
        import torch

        logits = logits.float() / self.stage.temperature
        return logits if logits.shape[-1] > 1 else torch.cat([logits, torch.zeros_like(logits)], -1)


@dataclass(frozen=True, kw_only=True)
class Lwf(Learner):
    """Learning without forgetting (Li & Hoiem, 2017): min L_t + λ Σ_{k<t} H(ŷ_k^{1/T}, y_k^{1/T}), T = 2, λ = 1.

    On the records of task t, ŷ_k are the answers of the backbone and the head of task k before it, y_k those now; H is
    the cross-entropy of the two, softened by the temperature T. No record of the past is needed. The earlier heads are
    trained too, as in the paper; its warm-up of the new head alone is left out. A head for another number of images
    than the newest task has gets the first of them, or the one twice.
    """

    name: ClassVar[str] = "lwf"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    readouts: ClassVar[tuple[str, ...] | None] = (HEAD,)  # the teacher's answers are those of heads
    schedule: Schedule = field(default_factory=Schedule)
    weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (LwfStage(schedule=self.schedule, weight=self.weight, temperature=self.temperature),)
