"""The readouts of L2P: another readout's answer, of a backbone that reads prompts from a pool before its tokens.

A learner gives them; they are no choice of `--readout`, since their pool is shared by tasks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.data.loader import Batch
from atlas.learners.contrast import Features
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts import HEAD, PROMPTED_HEAD, PROMPTED_SIMILARITY, SIMILARITY, find_readout
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.learners.scores import Score


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """size: M, the prompts of the pool. length: the tokens of each. chosen: N, the prompts of a record. weight: λ."""

    size: int = 10
    length: int = 5
    chosen: int = 5
    weight: float = 0.5


class PromptPool(nn.Module):
    """Prompts [M, L_p, D] with keys [M, Q], of which a query of width Q chooses the N likeliest by cosine.

    Both start as U(0, 1).
    """

    def __init__(
        self, settings: PoolSettings, *, width: int, query_width: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.chosen = settings.chosen
        prompts = torch.empty(settings.size, settings.length, width).uniform_(generator=generator)
        keys = torch.empty(settings.size, query_width).uniform_(generator=generator)
        self.prompts, self.keys = nn.Parameter(prompts), nn.Parameter(keys)

    def forward(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """query [B, Q] -> prompts [B, N · L_p, D], and Σ (1 − cos(query, key)) over the chosen, averaged: a scalar."""
        likeness = nn.functional.normalize(query, dim=-1) @ nn.functional.normalize(self.keys, dim=-1).T
        found = likeness.topk(self.chosen, dim=-1)
        return self.prompts[found.indices].flatten(1, 2), (1 - found.values).sum(1).mean()


class PromptedReadout(Readout):
    """The answer of the readout `inner`, and the loss of its task with λ Σ (1 − cos(query, key)) over chosen keys.

    The query is the pooled output of the backbone without prompts, for a record's first own text, the mean over its
    images; it is not learnt.
    """

    inner: ClassVar[str]

    def __init__(
        self,
        backbone: Backbone,
        form: AnswerForm,
        settings: PoolSettings,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.made_of, self.query_width = settings, backbone.width
        self.answering = find_readout(self.inner).build(backbone, form, generator)
        self.pool = PromptPool(settings, width=backbone.prompt_width, query_width=self.query_width, generator=generator)

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> PromptedReadout:
        return cls(backbone, form, PoolSettings(), generator)

    @classmethod
    def restore(cls, backbone: Backbone, form: AnswerForm, settings: str) -> PromptedReadout:
        return cls(backbone, form, PoolSettings(**json.loads(settings)))

    def another(self, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None) -> PromptedReadout:
        """With the same pool."""
        made = type(self)(backbone, form, self.made_of, generator)
        made.pool = self.pool
        return made

    @property
    def settings(self) -> str:
        return json.dumps(asdict(self.made_of), sort_keys=True)

    def read(self, backbone: Backbone, batch: Batch) -> Tensor:
        with backbone.prompted(self.choose(backbone, batch)[0]):
            return self.answering.read(backbone, batch)

    @property
    def contrasts(self) -> bool:
        return self.answering.contrasts

    def loss(
        self, backbone: Backbone, batch: Batch, score: Score | None, group: ProcessGroup | None = None
    ) -> tuple[Tensor, Tensor]:
        prompts, distance = self.choose(backbone, batch)
        with backbone.prompted(prompts):
            loss, outputs = self.answering.loss(backbone, batch, score, group)
        return loss + self.made_of.weight * distance, outputs

    def embed(self, backbone: Backbone, batch: Batch) -> Features:
        with backbone.prompted(self.choose(backbone, batch)[0]):
            return self.answering.embed(backbone, batch)

    def logits(self, pooled: Tensor) -> Tensor:
        return self.answering.logits(pooled)

    def choose(self, backbone: Backbone, batch: Batch) -> tuple[Tensor, Tensor]:
        """The prompts of each record, and the distance of their keys, as `PromptPool` gives them."""
        with torch.no_grad():
            pooled = backbone(batch.pixels, batch.tokens[:, :1], batch.mask[:, :1])
        with torch.autocast(pooled.device.type, enabled=False):
            query = pooled[:, 0].float().unflatten(-1, (-1, self.query_width)).mean(1)
            prompts, distance = self.pool(query)
        return prompts, distance


class PromptedHead(PromptedReadout):
    """By a classifier over the pooled output."""

    name: ClassVar[str] = PROMPTED_HEAD
    inner: ClassVar[str] = HEAD


class PromptedSimilarity(PromptedReadout):
    """By the class whose prompt is most like the image."""

    name: ClassVar[str] = PROMPTED_SIMILARITY
    inner: ClassVar[str] = SIMILARITY
