"""Answers in words: the rows of prompts with their right answers, and the loss of those, which readouts share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.generative.decoding import likelihoods, padded
from atlas.learners.readouts import check_answers
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    from atlas.backbones.prompts import Prompts
    from atlas.data.loader import Batch
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.scores import Score


class Worded(Readout):
    """An answer is the words that follow a prompt. There are no parameters: adapters, or the backbone, are trained.

    The loss is the cross-entropy of the right answer's tokens and the token that ends it, −log p / tokens, averaged
    over the records. The right answer is the class's name, the right text where a record's compete, the best of soft
    scores (0 where a record has none), or the commonest reference, of equals the first.
    """

    def __init__(self, form: AnswerForm, prompts: Prompts) -> None:
        super().__init__()
        self.form, self.prompts = form, prompts
        self.answers = [prompts.answer(answer) for answer in form.answers]
        self.padded = nn.Buffer(padded(self.answers or [[prompts.end]], prompts.pad_id), persistent=False)
        self.tokens_of = lru_cache(maxsize=2**16)(prompts.answer)

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Worded:
        prompts, name = backbone.processor.prompts, backbone.processor.folder.name
        if not isinstance(backbone, GenerativeBackbone) or prompts is None:
            raise UserError(
                f"the readout {cls.name!r} takes a model that answers in words, and {name} is none: give a backbone "
                "such as LLaVA or SmolVLM, or --readout head."
            )
        check_answers(cls.name, {form.task: form.kind})
        return cls(form, prompts)

    def loss(
        self, backbone: Backbone, batch: Batch, score: Score | None, group: ProcessGroup | None = None
    ) -> tuple[Tensor, Tensor]:
        asked = self.answered(batch)
        longest = asked.tokens.shape[2] - batch.tokens.shape[2] - 1 if self.form.kind != "choices" else None
        found = likelihoods(generative(backbone), asked.pixels, asked.tokens, asked.mask, longest=longest)
        losses = -found[:, 0, 0] / found[:, 0, 1]
        if self.form.kind == "soft":
            losses = losses * (batch.targets.amax(1) > 0)  # of all records, so that parts of a batch add up to it
        return losses.mean(), found

    def answered(self, batch: Batch) -> Batch:
        """The batch with its right answers: tokens [B, 1, L']."""
        if self.form.kind == "choices":
            right = torch.arange(len(batch), device=batch.tokens.device), batch.targets
            return replace(batch, tokens=batch.tokens[right][:, None], mask=batch.mask[right][:, None])
        if batch.references is not None:
            answers = [self.tokens_of(_commonest(references)) for references in batch.references]
            return self.following(batch, padded(answers, self.prompts.pad_id).to(batch.tokens.device)[:, None])
        targets = batch.targets.argmax(1) if self.form.kind == "soft" else batch.targets
        return self.following(batch, self.padded[targets][:, None])

    def following(self, batch: Batch, answers: Tensor) -> Batch:
        """The batch's prompts with answers [B, K, A] after them, one place between: tokens [B, K, L + 1 + A]."""
        pad, count, width = self.prompts.pad_id, answers.shape[1], answers.shape[2]
        rows = batch.tokens[:, :1].expand(-1, count, -1)
        rows = torch.nn.functional.pad(rows.masked_fill(~batch.mask[:, :1], pad), (0, width + 1), value=pad)
        start = batch.mask[:, 0].sum(1)[:, None, None] + 1
        places = (start + torch.arange(width, device=rows.device)).expand(-1, count, -1)
        rows = rows.scatter(2, places, answers)
        return replace(batch, tokens=rows, mask=rows != pad)

    def logits(self, pooled: Tensor) -> Tensor:
        raise NotImplementedError(f"the readout {self.name} has no logits of pooled outputs")


def _commonest(references: Sequence[str]) -> str:
    return Counter(references).most_common(1)[0][0]


def generative(backbone: Backbone) -> GenerativeBackbone:
    """The backbone, which `Worded.build` has checked."""
    assert isinstance(backbone, GenerativeBackbone)
    return backbone
