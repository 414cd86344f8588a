"""The readout `similarity` of captions: a picture and its captions are more alike than with those of other pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.backbones.dual.backbone import DualBackbone
from atlas.backbones.processor import Processor
from atlas.data.loader import Batch
from atlas.learners.contrast import Features, PairedFeatures, pairs_of, sigmoid_loss, softmax_loss
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts import SIMILARITY
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.learners.scores import Score


class Contrastive(Readout):
    """logits s · cos(image, text) + b, with the scale s and the bias b trained, from the backbone's own.

    The loss is the one by which the backbone was trained: each image and each text told from all others of the batch
    (CLIP, Radford et al., 2021), or every pair by itself (SigLIP, Zhai et al., 2023), see `atlas.learners.contrast`;
    the batch is that of all workers. All of a record's captions take part. b moves no answer, and softmax has none.
    Without captions, as where a model is served, the candidates are the record's own texts.
    """

    name: ClassVar[str] = SIMILARITY

    def __init__(self, backbone: DualBackbone, *, most_tokens: int | None = None) -> None:
        """most_tokens: those that a caption is cut to, by default as many as the backbone takes."""
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([backbone.log_scale]))
        self.bias = nn.Parameter(torch.tensor([backbone.bias])) if backbone.contrast == "sigmoid" else None
        self.features, self.processor = backbone.features, _cut(backbone.processor, most_tokens)

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Contrastive:
        assert isinstance(backbone, DualBackbone)  # as `Similarity.build` has checked
        return cls(backbone, most_tokens=form.most_tokens)

    @property
    def contrasts(self) -> bool:
        return True

    def ask(self, batch: Batch) -> Batch:
        """Captions in the place of the record's own texts: tokens [B, C, L], the first again where it has fewer."""
        if batch.references is None:
            return batch
        most = max(map(len, batch.references))
        captions = [(*one, *one[:1] * (most - len(one))) for one in batch.references]
        rows = torch.from_numpy(self.processor.token_rows(list(chain.from_iterable(captions)))[0]).long()
        rows = rows[:, : int((rows != self.processor.pad_id).sum(1).max())].to(batch.tokens.device)
        tokens = rows.unflatten(0, (len(batch), most))
        return replace(batch, tokens=tokens, mask=tokens != self.processor.pad_id)

    def logits(self, pooled: Tensor) -> Tensor:
        """Of pooled outputs [B, C, 2 P] of a record's own texts: [B, C]."""
        images, texts = self._parts(pooled)
        return self._scaled((images[:, None] * texts).sum(-1))

    def embed(self, backbone: Backbone, batch: Batch) -> Features:
        """The features of a batch's images and captions."""
        assert batch.references is not None
        return self._features(self.read(backbone, batch), batch.references)

    def loss(
        self, backbone: Backbone, batch: Batch, score: Score | None, group: ProcessGroup | None = None
    ) -> tuple[Tensor, Tensor]:
        assert batch.references is not None
        group, asked = group or ProcessGroup(), self.ask(batch)
        outputs: Tensor = backbone(asked.pixels, asked.tokens, asked.mask)
        with torch.autocast(outputs.device.type, enabled=False):
            pairs = pairs_of(self._features(outputs, batch.references), batch.references, group)
            return self._loss(pairs), outputs

    def _loss(self, pairs: PairedFeatures) -> Tensor:
        if self.bias is None:
            return softmax_loss(pairs, self._scaled)
        return sigmoid_loss(pairs, self._scaled)

    def _scaled(self, cosines: Tensor) -> Tensor:
        logits = self.log_scale.exp() * cosines
        return logits if self.bias is None else logits + self.bias

    def _features(self, pooled: Tensor, references: Sequence[Sequence[str]]) -> Features:
        images, texts = self._parts(pooled)
        counts = torch.tensor([len(one) for one in references], device=pooled.device)
        return Features(images, texts, torch.arange(texts.shape[1], device=pooled.device) < counts[:, None])

    def _parts(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Unit features of images [B, P] and texts [B, C, P]."""
        parts = nn.functional.normalize(pooled.float().unflatten(-1, (2, self.features)), dim=-1)
        return parts[:, 0, 0], parts[:, :, 1]


def _cut(processor: Processor, most_tokens: int | None) -> Processor:
    """The processor that gives texts so many tokens."""
    if most_tokens in (None, processor.max_tokens):
        return processor
    return Processor.load(processor.folder, max_tokens=most_tokens)
