"""The scores, by name: what a predicted answer is worth, and the loss that stands for it in training."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn


class Score(Protocol):
    """How answers are scored. A score adds up over records, so that workers can share them."""

    def values(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The value of each predicted answer [B], in [0, 1], as float64 [B]."""

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of logits [B, answers], averaged over the records: a scalar."""


class Accuracy:
    """1 for the right class; the loss is cross-entropy. Targets are classes [B]."""

    def values(self, answers: Tensor, targets: Tensor) -> Tensor:
        return (answers == targets).double()

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, targets)


class SoftScore:
    """The answer's own score; the loss is binary cross-entropy, × classes. Targets are scores [B, classes]."""

    def values(self, answers: Tensor, targets: Tensor) -> Tensor:
        return targets.gather(1, answers[:, None])[:, 0].double()

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, targets) * logits.shape[1]


SCORES: dict[str, Score] = {"accuracy": Accuracy(), "soft": SoftScore()}
