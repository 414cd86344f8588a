"""The readouts `likelihood` and `mean-likelihood`: the answer that the model finds likeliest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from atlas.backbones.generative.decoding import answer_likelihoods, likelihoods
from atlas.learners.readouts import LIKELIHOOD, MEAN_LIKELIHOOD
from atlas.learners.readouts.worded import Worded, generative

if TYPE_CHECKING:
    from atlas.backbones.backbone import Backbone
    from atlas.data.loader import Batch


class Likelihood(Worded):
    """logit_k = log p(answer_k, end | prompt): of the classes' names, or of a record's texts."""

    name: ClassVar[str] = LIKELIHOOD
    by_token: ClassVar[bool] = False

    def read(self, backbone: Backbone, batch: Batch) -> Tensor:
        """log p and the number of tokens of each answer, [B, K, 2]."""
        model = generative(backbone)
        if self.form.kind == "choices":
            return likelihoods(model, batch.pixels, batch.tokens, batch.mask)
        answers = self.padded.masked_fill(self.padded == self.prompts.pad_id, -1)
        return answer_likelihoods(model, batch.pixels, batch.tokens, batch.mask, answers)

    def logits(self, pooled: Tensor) -> Tensor:
        """[B, K] of outputs [B, K, 2]."""
        return pooled[..., 0] / pooled[..., 1] if self.by_token else pooled[..., 0]


class MeanLikelihood(Likelihood):
    """logit_k = log p(answer_k, end | prompt) / tokens of answer_k: does not favour short answers."""

    name: ClassVar[str] = MEAN_LIKELIHOOD
    by_token: ClassVar[bool] = True
