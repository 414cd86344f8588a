"""The interface of a backbone: a frozen, pre-trained model with its processor, as adapters and learners use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from atlas.backbones.processor import Processor


class Backbone(nn.Module, ABC):
    """A frozen backbone: uint8 pixels and tokens in, pooled outputs out.

    Adapters are put into `model` in place (PEFT does so); everything else stays as it was loaded. `sites` are the
    modules whose outputs are sites (METHOD, 1), as suffixes for PEFT's `target_modules`; `digest` is that of the files;
    `width` D, `heads` and `depth` (layers) are the model's.
    """

    model: PreTrainedModel
    processor: Processor
    digest: str
    sites: tuple[str, ...]
    width: int
    heads: int
    depth: int

    @abstractmethod
    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """pixels uint8 [B, I, 3, S, S], tokens [B, C, L], mask bool [B, C, L] -> pooled [B, C, I * D]."""

    @abstractmethod
    def layer_of(self, parameter: str) -> int | None:
        """The layer (0 … depth − 1) of a parameter of `model`; −1 for the embeddings, None above all layers."""
