"""The readout `similarity`: the class whose prompt is most like the image, by a dual encoder's own features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.backbones.dual.backbone import DualBackbone
from atlas.backbones.processor import Processor
from atlas.data.loader import Batch
from atlas.learners.readouts import SIMILARITY, check_answers
from atlas.learners.readouts.contrastive import Contrastive
from atlas.learners.readouts.prompts import class_prompts
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.runtime.errors import UserError


class Similarity(Readout):
    """logit_k = s · cos(image, text_k), with the scale s trained, from the backbone's own.

    Where a record's texts compete, text_k is one of them. Where it has a text and classes, text_k is the text with the
    class after it, and is cut where both together have too many tokens. Where it has classes alone, text_k are their
    prompts (the mean of their features over templates). The features of several images are averaged. The backbone is
    asked all of a record's texts at once, as choices. Of captions it is `Contrastive`.
    """

    name: ClassVar[str] = SIMILARITY

    def __init__(
        self,
        backbone: DualBackbone,
        *,
        prompts: Tensor | None = None,
        answers: Sequence[list[int]] = (),
        most_tokens: int | None = None,
    ) -> None:
        """prompts: tokens [templates, K, L] of the classes. answers: tokens of each class, which follow a text; both
        together have at most `most_tokens`, by default as many as the backbone takes.
        """
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([backbone.log_scale]))
        self.prompts = None if prompts is None else nn.Buffer(prompts, persistent=False)
        self.answers, self.features = answers, backbone.features
        self.padding, self.longest = backbone.processor.pad_id, most_tokens or backbone.processor.max_tokens

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Readout:
        if not isinstance(backbone, DualBackbone):
            raise UserError(
                f"the readout 'similarity' compares features of images and texts, and {backbone.processor.folder.name} "
                f"has none of both: give a backbone of two encoders (CLIP, SigLIP), or --readout head."
            )
        check_answers(cls.name, {form.task: form.kind})
        if form.modality == "language":
            raise UserError(
                f"{form.task}: the readout 'similarity' compares an image with texts, and its records have no image; "
                f"leave the task out, or give --readout head."
            )
        if form.kind == "captions":
            return Contrastive(backbone, most_tokens=form.most_tokens)
        if form.outputs == 1:
            return cls(backbone)
        if form.modality == "vision":
            return cls(backbone, prompts=_prompts(backbone.processor, form))
        return cls(backbone, answers=_endings(backbone.processor, form.answers), most_tokens=form.most_tokens)

    def ask(self, batch: Batch) -> Batch:
        if self.prompts is not None:
            prompts = self.prompts.flatten(0, 1)
            tokens, mask = (one.expand(len(batch), -1, -1) for one in (prompts, prompts != self.padding))
            return replace(batch, tokens=tokens, mask=mask)
        if self.answers:
            tokens = self._answered(batch.tokens[:, 0], batch.mask[:, 0])
            return replace(batch, tokens=tokens, mask=tokens != self.padding)
        return batch

    def logits(self, pooled: Tensor) -> Tensor:
        """Of pooled outputs [B, texts, I * 2 P]: one a class, or one a choice."""
        features = nn.functional.normalize(pooled.unflatten(-1, (-1, 2, self.features)), dim=-1)
        images, texts = features[:, :, :, 0].mean(2), features[:, :, 0, 1]
        if self.prompts is not None:
            templates, classes = self.prompts.shape[:2]
            images, texts = images[:, :classes], texts.unflatten(1, (templates, classes)).mean(1)
        return self.log_scale.exp() * nn.functional.cosine_similarity(images, texts, dim=-1)

    def _answered(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Texts [B, L] with each class after them [B, K, L']: a text that is too long loses its end."""
        rows = []
        for row, count in zip(tokens.tolist(), mask.sum(1).tolist(), strict=True):
            text = row[: count - 1]  # without its end
            rows += [[*text[: max(1, self.longest - len(answer))], *answer] for answer in self.answers]
        width = max(map(len, rows))
        padded = [row + [self.padding] * (width - len(row)) for row in rows]
        return torch.tensor(padded, device=tokens.device).unflatten(0, (len(tokens), -1))


def _prompts(processor: Processor, form: AnswerForm) -> Tensor:
    """The tokens of the classes' prompts [templates, K, L], as wide as the longest."""
    prompts = class_prompts(form.task, form.answers, form.templates)
    rows = [torch.from_numpy(processor.token_rows(texts)[0]) for texts in prompts]
    tokens = torch.stack(rows).long()
    return tokens[..., : int((tokens != processor.pad_id).sum(-1).max())]


def _endings(processor: Processor, answers: Sequence[str]) -> list[list[int]]:
    """The tokens of each class, with the token that ends a text."""
    end = processor.uncut.encode("").ids[-1]
    return [[*one.ids, end] for one in processor.uncut.encode_batch(list(answers), add_special_tokens=False)]
