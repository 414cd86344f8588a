"""The interface of a readout: how a task's answers come out of a backbone's pooled outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    import torch

    from atlas.backbones.backbone import Backbone
    from atlas.data.loader import Batch
    from atlas.learners.contrast import Features
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.scores import Score
    from atlas.tasks.task import AnswerKind, Modality


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """The form of a task's answers: `outputs` classes, 1 where a record's texts compete, 0 of free texts; the images of
    a record.

    kind: that of its answers. answers: the classes' words, where it has classes. modality: without `language` a record
    has no text of its own, without `vision` no image. most_tokens: those that a text is cut to; None for as many as the
    backbone takes. templates: sentences that a class's name is put into, for readouts that compare pictures with names;
    none for the usual ones.
    """

    task: str
    outputs: int
    images: int
    answers: tuple[str, ...] = ()
    modality: Modality = "vision-language"
    kind: AnswerKind = "classes"
    most_tokens: int | None = None
    templates: tuple[str, ...] = ()


class Readout(nn.Module, ABC):
    """One task's way from pooled outputs to logits. Its parameters are saved with the task's step.

    `name` is that of READOUTS. `writes`: its answers are texts (`write`), not logits over the task's answers.
    `contrasts`: its loss compares the records of a batch with each other, so that parts of a batch do not add up to it.
    """

    name: ClassVar[str]
    writes: ClassVar[bool] = False

    @property
    def contrasts(self) -> bool:
        return False

    @classmethod
    @abstractmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Readout:
        """The readout of a task; its parameters are drawn from `generator` (None: from PyTorch's own).

        Raises UserError where it cannot be had of that backbone, or of such answers.
        """

    @classmethod
    def restore(cls, backbone: Backbone, form: AnswerForm, settings: str) -> Readout:
        """The readout that has these `settings`, whose parameters are about to be loaded."""
        return cls.build(backbone, form)

    def another(self, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None) -> Readout:
        """The readout of a further task, with what this one shares between tasks; by default it shares nothing.

        Raises as `build`.
        """
        return self.build(backbone, form, generator)

    @property
    def settings(self) -> str:
        """What it is made of besides the backbone and the answers' form, as text; saved with its parameters."""
        return ""

    def ask(self, batch: Batch) -> Batch:
        """The batch that the backbone is given; by default the task's own."""
        return batch

    def read(self, backbone: Backbone, batch: Batch) -> Tensor:
        """The backbone's outputs for a batch, as `logits` takes them; by default pooled ones, for what is asked."""
        asked = self.ask(batch)
        outputs: Tensor = backbone(asked.pixels, asked.tokens, asked.mask)
        return outputs

    def loss(
        self, backbone: Backbone, batch: Batch, score: Score | None, group: ProcessGroup | None = None
    ) -> tuple[Tensor, Tensor]:
        """The loss of a batch, a scalar averaged over its records, and the backbone's outputs for it.

        By default that of the task's score of classes, of logits; a readout that writes has a loss of its own. group:
        the processes whose batches are one, for a loss that `contrasts`; None for this one's alone.
        """
        assert score is not None
        outputs = self.read(backbone, batch)
        return score.loss(self.logits(outputs.float()), batch.targets), outputs

    def write(self, backbone: Backbone, batch: Batch) -> list[str]:
        """The answer of each record as a text, by the adapters that are active; of a readout that `writes`."""
        raise NotImplementedError(f"the readout {self.name} writes no texts")

    def embed(self, backbone: Backbone, batch: Batch) -> Features:
        """The features of a batch's images and captions; of a readout that `contrasts`."""
        raise NotImplementedError(f"the readout {self.name} compares no captions")

    @abstractmethod
    def logits(self, pooled: Tensor) -> Tensor:
        """pooled [B, C, I * D] of the batch asked -> one logit an answer: [B, classes], or [B, choices]."""


def beside(
    known: Iterable[Readout],
    kind: type[Readout],
    backbone: Backbone,
    form: AnswerForm,
    generator: torch.Generator | None,
) -> Readout:
    """A readout of that kind for a further task, with what those `known` share where one is of the kind."""
    like = next((one for one in known if type(one) is kind), None)
    return (like.another if like else kind.build)(backbone, form, generator)
