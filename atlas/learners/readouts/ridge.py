"""The readouts of RAIL: ridge regression on random features, alone or fused with the answer by similarity.

A learner that solves its tasks gives them; they are no choice of `--readout`, since gradients have no use for them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.backbones.dual.backbone import DualBackbone
from atlas.data.loader import Batch
from atlas.learners.readouts import HEAD, RIDGE, RIDGE_SIMILARITY, check_answers
from atlas.learners.readouts.readout import AnswerForm, Readout
from atlas.learners.readouts.similarity import Similarity
from atlas.runtime.digest import text_sha256


@dataclass(frozen=True, kw_only=True)
class RidgeSettings:
    """hidden: H, the number of random features. seed: that of their draw. share: β, that of the regression's answer
    in a fused one.
    """

    hidden: int = 1024
    seed: int = 0
    share: float = 0.9

    def projection(self, width: int) -> Tensor:
        """R [width, H], U(±1/√width) as a linear layer starts: the same for all tasks of that width of input."""
        digest = text_sha256(f"random features {self.seed} {width}")
        generator = torch.Generator().manual_seed(int(digest[:15], 16))
        return torch.empty(width, self.hidden).uniform_(-(width**-0.5), width**-0.5, generator=generator)


class Ridge(Readout):
    """logits = φ(x) W, φ(x) = ReLU(x R), x the backbone's frozen outputs, each tower's of length 1, and R random.

    Of a dual encoder and records without texts x is the image's features alone, as published. Of several images x has
    the features of all, in their order. Where texts compete each has an x, and its own logit. W [H, classes] (or 1) is
    solved by a learner; until then it is drawn as a classifier's weights are.
    """

    name: ClassVar[str] = RIDGE

    def __init__(
        self,
        backbone: Backbone,
        form: AnswerForm,
        settings: RidgeSettings,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.made_of, self.outputs = settings, form.outputs
        self.part = backbone.features if isinstance(backbone, DualBackbone) else backbone.width
        self.images_alone = isinstance(backbone, DualBackbone) and form.modality == "vision"
        width = backbone.pooled_width(form.images) // (2 if self.images_alone else 1)
        self.projection = nn.Buffer(settings.projection(width), persistent=False)
        self.weight = nn.Parameter(torch.empty(settings.hidden, form.outputs).normal_(std=0.02, generator=generator))

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Ridge:
        return cls.of(backbone, form, RidgeSettings(), generator)

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        form: AnswerForm,
        settings: RidgeSettings,
        generator: torch.Generator | None = None,
    ) -> Ridge:
        """The readout of a task with these settings. Raises UserError for answers that are no classes."""
        check_answers(HEAD, {form.task: form.kind})
        return cls(backbone, form, settings, generator)

    @classmethod
    def restore(cls, backbone: Backbone, form: AnswerForm, settings: str) -> Ridge:
        return cls.of(backbone, form, RidgeSettings(**json.loads(settings)))

    @property
    def settings(self) -> str:
        return json.dumps(asdict(self.made_of), sort_keys=True)

    def random_features(self, pooled: Tensor) -> Tensor:
        """φ of the outputs for the record's own texts [B, C, I * D]: [B, C, H], in float32 whatever autocast says."""
        with torch.autocast(pooled.device.type, enabled=False):
            parts = nn.functional.normalize(pooled.float().unflatten(-1, (-1, self.part)), dim=-1)
            parts = parts[..., ::2, :] if self.images_alone else parts
            return nn.functional.relu(parts.flatten(-2) @ self.projection)

    def answer_images(self, images: Tensor) -> Tensor:
        """φ(x) W of records without texts, by their images' features of length 1 [B, I, P]: [B, classes]."""
        assert self.images_alone
        with torch.autocast(images.device.type, enabled=False):
            return nn.functional.relu(images.float().flatten(1) @ self.projection) @ self.weight

    def own_features(self, backbone: Backbone, batch: Batch) -> Tensor:
        """φ of a batch's own texts alone, whatever else an answer is compared with: [B, C, H]."""
        return self.random_features(self._own(backbone(batch.pixels, batch.tokens, batch.mask)))

    def _own(self, pooled: Tensor) -> Tensor:
        """The outputs for the record's own texts [B, C, I * D], of those for all that was asked."""
        return pooled if self.outputs == 1 else pooled[:, :1]

    def logits(self, pooled: Tensor) -> Tensor:
        features = self.random_features(self._own(pooled))
        with torch.autocast(pooled.device.type, enabled=False):
            answers = features @ self.weight
        return answers[..., 0] if self.outputs == 1 else answers[:, 0]


class FusedRidge(Ridge):
    """logits = (1 − β) softmax(zero-shot) + β φ(x) W, the fusion of RAIL where an image is of a class that was learnt.

    Zero-shot is the answer by similarity of the frozen backbone, whose scale is its own.
    """

    name: ClassVar[str] = RIDGE_SIMILARITY

    def __init__(
        self,
        backbone: Backbone,
        form: AnswerForm,
        settings: RidgeSettings,
        generator: torch.Generator | None = None,
    ) -> None:
        similarity = Similarity.build(backbone, form)  # refuses before anything is drawn
        assert isinstance(similarity, Similarity)  # of classes
        super().__init__(backbone, form, settings, generator)
        self.similarity = similarity
        self.asks_own = bool(similarity.answers)

    def ask(self, batch: Batch) -> Batch:
        """The texts that the image is compared with; before them the record's own, where x has its features."""
        asked = self.similarity.ask(batch)
        if not self.asks_own:
            return asked
        padding, texts = self.similarity.padding, (batch.tokens[:, :1], asked.tokens)
        width = max(one.shape[2] for one in texts)
        tokens = torch.cat([nn.functional.pad(one, (0, width - one.shape[2]), value=padding) for one in texts], 1)
        return replace(batch, tokens=tokens, mask=tokens != padding)

    def logits(self, pooled: Tensor) -> Tensor:
        compared = pooled[:, 1:] if self.asks_own else pooled
        zero_shot = self.similarity.logits(compared.float()).softmax(-1)
        return torch.lerp(zero_shot, super().logits(pooled), self.made_of.share)
