"""The scores of classes, by name: what a predicted answer is worth, and the loss that stands for it in training.

Those of free texts are `atlas.tasks.scoring`; their readouts bring their own loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from atlas.tasks.reading.answers import normalise

NO_ANSWER = -1  # a text that is none of the classes


class Score(Protocol):
    """How answers are scored. A score adds up over records, so that workers can share them."""

    def values(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The value of each predicted answer [B], in [0, 1], as float64 [B]; NO_ANSWER is worth 0."""

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
        found = targets.gather(1, answers.clamp(min=0)[:, None])[:, 0].double()
        return found.where(answers != NO_ANSWER, 0.0)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, targets) * logits.shape[1]


SCORES: dict[str, Score] = {"accuracy": Accuracy(), "soft": SoftScore()}


def classes_of(texts: Sequence[str], answers: Sequence[str]) -> Tensor:
    """The class that each text names, long [N]: its own words in any case, or else as VQA's answers are compared.

    NO_ANSWER where it names none, as a text of articles and marks alone does unless a class has these very words.
    """
    places: dict[str, int] = {}
    for compared in (_in_any_case, normalise):
        for place, answer in enumerate(answers):
            places.setdefault(compared(answer), place)
    places = {words: place for words, place in places.items() if words}
    found = [places.get(_in_any_case(text), places.get(normalise(text), NO_ANSWER)) for text in texts]
    return torch.tensor(found, dtype=torch.long)


def _in_any_case(text: str) -> str:
    return " ".join(text.lower().split())
