"""ZSCL: fine-tuning with distillation of the pre-trained model's similarities, and the average of weights along it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.learners.settings import UNSAID
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class ZsclStage(Stage):
    """The task's head and the whole backbone, held near the pre-trained one in features, and the last in weights.

    reference: the task whose records its features are compared on; "" for the task's own.
    """

    kind: ClassVar[str] = "zero-shot-preserving"
    replaces: ClassVar[bool] = True
    weight: float = 1.0
    temperature: float = 2.0
    references: int = 64
    consolidation: float = 1.0
    snapshots: int = 10
    reference: str = field(default="", metadata={UNSAID: True})

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give that of the distillation as 0 or more (the paper: 1).")
        if not self.temperature > 0:
            raise UserError(f"temperature is {self.temperature}; give a number above 0 (its code: 2).")
        if self.references < 2:
            raise UserError(f"references is {self.references}; similarities need 2 records or more (its code: 64).")
        if not self.consolidation >= 0:
            raise UserError(
                f"consolidation is {self.consolidation}; give the weight of ‖θ − θ_t−1‖² as 0 or more (its code: 1)."
            )
        if self.snapshots < 0:
            raise UserError(
                f"snapshots is {self.snapshots}; give how often weights are taken into the average (the paper: 10), or "
                f"0 for the last weights alone."
            )

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.reference,) if self.reference else ()

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return ZsclHooks(context, self)


class ZsclHooks(StageHooks):
    """The teacher is the pre-trained backbone; the weights before the stage are the centre of the consolidation."""

    def __init__(self, context: StageContext, stage: ZsclStage) -> None:
        from atlas.learners.references import ReferenceRecords

        self.model, self.stage, data = context.model, stage, context.data[context.task]
        self.before = {name: value.detach().clone() for name, value in self.model.tuning.trained().items()}
        self.teacher = {f"model.{name}": value for name, value in self.model.tuning.pretrained.items()}
        self.references = ReferenceRecords(
            self.model,
            context.data[stage.reference or context.task],
            named=stage.reads or tuple(self.model.heads),
            size=stage.references,
            seed=context.seed("references"),
        )
        self.drawn: tuple[Tensor, Tensor | None] | None = None
        updates = stage.schedule.updates(len(data.splits["train"]))
        self.interval = max(1, updates // stage.snapshots) if stage.snapshots else 0
        self.average = {name: value.clone() for name, value in self.before.items()} if self.interval else {}

    def replay(self) -> tuple[()]:
        """Draws the next update's reference records; no batch of them is added to the task's own."""
        self.drawn = self.references.draw()
        return ()

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor:
        """λ (L_image + L_text) + c Σ ‖θ − θ_t−1‖² / size."""
        import torch

        terms = [torch.zeros((), device=pooled.device)]
        if self.stage.weight:
            terms.append(self.stage.weight * self._distillation())
        if self.stage.consolidation:
            weights = self.model.tuning.trained().items()
            shifts = [(value - self.before[name]).square().mean() for name, value in weights]
            terms.append(self.stage.consolidation * torch.stack(shifts).sum())
        return torch.stack(terms).sum()

    def _distillation(self) -> Tensor:
        import torch

        from atlas.learners.references import distillation

        assert self.drawn is not None
        batch = self.references.batch(*self.drawn)
        with torch.no_grad():
            teacher = self.references.similarities(batch, self.teacher)
        student = self.references.similarities(batch)
        pairs = ((teacher, student), (teacher.T, student.T))
        return torch.stack([distillation(*pair, self.stage.temperature) for pair in pairs]).sum()

    def after_update(self, update: int) -> None:
        """θ̂ ← (n θ̂ + θ) / (n + 1) at every interval, n the weights in it so far, the first of which are θ_t−1."""
        import torch

        if not self.interval or update % self.interval:
            return
        count = update // self.interval
        with torch.no_grad():
            for name, value in self.model.tuning.trained().items():
                self.average[name].lerp_(value, 1 / (count + 1))

    def state(self) -> Mapping[str, Tensor]:
        return self.average

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        for name, value in state.items():
            self.average[name].copy_(value)

    def on_stage_end(self) -> dict[str, JsonValue]:
        """The backbone's weights are the average of those along the stage."""
        import torch

        with torch.no_grad():
            for name, value in self.average.items():
                self.model.tuning.parameters[name].copy_(value)
        return {}


@dataclass(frozen=True, kw_only=True)
class Zscl(Learner):
    """ZSCL (Zheng et al., 2023, arXiv:2303.06628): min L_t + λ (L_image + L_text) + c ‖θ − θ_{t−1}‖², then an average.

    L_image = T² H(softmax(S̄_i· / T), softmax(S_i· / T)) over the rows of S = s cos(images, texts) of reference images
    and texts, which need not match, and L_text the same over its columns; S̄ is that of the pre-trained model θ_0,
    whatever was learnt since. ‖·‖² is averaged over each tensor, as in its code. The result of the stage is the mean of
    the weights at its start and at `snapshots` equal distances along it (the paper: every 100 of 1,000 updates).

    The reference data is free, and decides much: the paper takes pictures of ImageNet and captions of Conceptual
    Captions, and finds that they should be diverse. Here they are the training images of a further task that is named
    (`reference`; of a sweep `--reference`), with its own texts or the names of its classes. Where none is, they are the
    task's own images, with their texts, or the names of classes drawn from all tasks seen so far: expect those to
    protect less. Both towers are distilled (its code compares with the texts of θ_0, which leaves the text tower to the
    weights' part); its smoothing of labels is left out. On a backbone without features of images and texts, the
    likeness of the outputs of every two records stands in for S, as that of images does in an ablation of its code. All
    workers of a group compute on the same references.
    """

    name: ClassVar[str] = "zscl"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)
    weight: float = 1.0
    temperature: float = 2.0
    references: int = 64
    consolidation: float = 1.0
    snapshots: int = 10
    reference: str = field(default="", metadata={UNSAID: True})

    def __post_init__(self) -> None:
        self.stages(0)

    def with_reference(self, task: str) -> Self:
        return replace(self, reference=task)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (
            ZsclStage(
                schedule=self.schedule,
                weight=self.weight,
                temperature=self.temperature,
                references=self.references,
                consolidation=self.consolidation,
                snapshots=self.snapshots,
                reference=self.reference,
            ),
        )
