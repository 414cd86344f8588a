"""The interface of a readout: how a task's answers come out of a backbone's pooled outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    import torch

    from atlas.backbones.backbone import Backbone
    from atlas.data.loader import Batch
    from atlas.tasks.task import Modality


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """The form of a task's answers: `outputs` classes, or 1 where a record's texts compete; the images of a record.

    answers: the classes' words. modality: without `language` a record has no text of its own, without `vision` no
    image.
    """

    task: str
    outputs: int
    images: int
    answers: tuple[str, ...] = ()
    modality: Modality = "vision-language"


class Readout(nn.Module, ABC):
    """One task's way from pooled outputs to logits. Its parameters are saved with the task's step.

    `name` is that of READOUTS.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Readout:
        """The readout of a task; its parameters are drawn from `generator` (None: from PyTorch's own).

        Raises UserError where it cannot be had of that backbone, or of such answers.
        """

    def ask(self, batch: Batch) -> Batch:
        """The batch that the backbone is given; by default the task's own."""
        return batch

    @abstractmethod
    def logits(self, pooled: Tensor) -> Tensor:
        """pooled [B, C, I * D] of the batch asked -> one logit an answer: [B, classes], or [B, choices]."""
