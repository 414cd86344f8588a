"""The readouts of routed adapters: another readout's answer, with prototypes of the task's training records.

A learner gives them; they are no choice of `--readout`, since it is the learner that fills in the prototypes.
"""

from __future__ import annotations

import json
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.data.loader import Batch
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts import HEAD, ROUTED_HEAD, ROUTED_SIMILARITY, SIMILARITY, find_readout
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.learners.scores import Score


class RoutedReadout(Readout):
    """The answer of the readout `inner`, by the adapters that a router chooses (`atlas.learners.adapter_router`).

    prototypes: unit centres [K, D] of the frozen backbone's outputs for the task's training records; zeros until they
    are known, as of a task that was not trained.
    """

    inner: ClassVar[str]

    def __init__(
        self, backbone: Backbone, form: AnswerForm, count: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.answering = find_readout(self.inner).build(backbone, form, generator)
        self.prototypes = nn.Buffer(torch.zeros(count, backbone.width))

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> RoutedReadout:
        return cls(backbone, form, 1, generator)

    @classmethod
    def restore(cls, backbone: Backbone, form: AnswerForm, settings: str) -> RoutedReadout:
        return cls(backbone, form, json.loads(settings)["prototypes"])

    @property
    def settings(self) -> str:
        return json.dumps({"prototypes": len(self.prototypes)})

    @property
    def is_known(self) -> bool:
        """Whether it has prototypes."""
        return bool(self.prototypes.any())

    def read(self, backbone: Backbone, batch: Batch) -> Tensor:
        return self.answering.read(backbone, batch)

    def loss(
        self, backbone: Backbone, batch: Batch, score: Score | None, group: ProcessGroup | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.answering.loss(backbone, batch, score, group)

    def logits(self, pooled: Tensor) -> Tensor:
        return self.answering.logits(pooled)


class RoutedHead(RoutedReadout):
    """By a classifier over the pooled output."""

    name: ClassVar[str] = ROUTED_HEAD
    inner: ClassVar[str] = HEAD


class RoutedSimilarity(RoutedReadout):
    """By the class whose prompt is most like the image."""

    name: ClassVar[str] = ROUTED_SIMILARITY
    inner: ClassVar[str] = SIMILARITY
