"""Zero-shot: the bare backbone, answering by similarity or in words before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.readouts import SIMILARITY
from atlas.learners.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class ZeroShotStage(Stage):
    """The readout of a task on the bare backbone. Nothing is trained."""

    kind: ClassVar[str] = "zero-shot"

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.requires_grad_(False)


@dataclass(frozen=True, kw_only=True)
class ZeroShot(Learner):
    """The row R[0, ·] of an accuracy matrix: argmax_k cos(image, text_k) of the pre-trained θ_0 (Radford et al., 2021).

    No learner of the catalogue, since it learns nothing: a sweep's reference. It takes a backbone of two encoders; or,
    with a readout in words, a generative one.
    """

    name: ClassVar[str] = "zero-shot"
    lineage: ClassVar[Lineage] = "none"
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=0))

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (ZeroShotStage(schedule=self.schedule, readout=SIMILARITY),)
