"""The interface of a backbone: a frozen, pre-trained model with its processor, as adapters and learners use it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from atlas.backbones.frozen_weights import FrozenWeights
from atlas.runtime.errors import UserError, unknown

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from atlas.backbones.processor import Processor
    from atlas.cluster.options import Weights


@dataclass(frozen=True, kw_only=True)
class Tower:
    """One encoder of a backbone: its width D, attention heads and depth in layers.

    `sites` are the modules whose outputs are sites (METHOD, 1): suffixes of their names, as PEFT has them, or one
    regular expression for their whole names. default: it has adapters where no tower is named.
    """

    width: int
    heads: int
    depth: int
    sites: tuple[str, ...] | str
    default: bool = True

    def has_site(self, module: str) -> bool:
        """Whether the module of that name is a site."""
        if isinstance(self.sites, str):
            return re.fullmatch(self.sites, module) is not None
        return any(module == site or module.endswith(f".{site}") for site in self.sites)


@dataclass(frozen=True, kw_only=True)
class Sites:
    """The sites and attention heads of all towers, as an `AtlasConfig` has them."""

    target_modules: list[str] | str
    heads: int | dict[str, int]


class Backbone(nn.Module, ABC):
    """A frozen backbone: uint8 pixels and tokens in, pooled outputs out.

    Adapters are put into `model` in place (PEFT does so); everything else stays as it was loaded. `digest` is that of
    the files; `width` D is that of the pooled output of one image; `depth` counts the layers that `layer_of` tells
    apart. A backbone of one encoder has its `sites` and `heads`; one of several says what `towers` it has instead.
    takes_no_image: a record without an image may have none, I = 0, in the place of a blank one. prompt_width: that of
    learnt tokens that it can read before its own, 0 where it cannot. weights: the type that its frozen weights were
    loaded in, "" where its family has no choice.
    """

    model: PreTrainedModel
    processor: Processor
    digest: str
    sites: tuple[str, ...]
    width: int
    heads: int
    depth: int
    takes_no_image: bool = False
    prompt_width: int = 0
    weights: Weights | Literal[""] = ""

    @abstractmethod
    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """pixels uint8 [B, I, 3, S, S], tokens [B, C, L], mask bool [B, C, L] -> pooled [B, C, `pooled_width(I)`]."""

    def prompted(self, prompts: Tensor) -> AbstractContextManager[None]:
        """A context in which `forward` reads prompts [B, P, `prompt_width`] of each record before its tokens.

        Raises UserError where it cannot.
        """
        raise UserError(
            f"{self.processor.folder.name} reads no learnt prompts before its tokens: give another --backbone, or "
            f"another --learner."
        )

    def pooled_width(self, images: int) -> int:
        """The width of a text's pooled output with so many images: I * D."""
        return images * self.width

    @cached_property
    def frozen(self) -> FrozenWeights:
        """Its weights, which can be held in another type of numbers while they are frozen."""
        return FrozenWeights(self.model)

    @abstractmethod
    def layer_of(self, parameter: str) -> int | None:
        """The layer (0 … depth − 1) of a parameter of `model`; −1 for the embeddings, None above all layers."""

    @property
    def towers(self) -> Mapping[str, Tower]:
        """The encoders, by name."""
        return {"encoder": Tower(width=self.width, heads=self.heads, depth=self.depth, sites=self.sites)}

    def adapter_sites(self, names: Sequence[str] = ()) -> Sites:
        """The sites of the towers of these names, or of the default ones. Raises UserError for another name."""
        for name in names:
            if name not in self.towers:
                raise unknown("tower", name, self.towers)
        towers = [tower for name, tower in self.towers.items() if (name in names if names else tower.default)]
        if len(towers) == 1 and not isinstance(towers[0].sites, str):
            return Sites(target_modules=list(towers[0].sites), heads=towers[0].heads)
        heads = {tower.sites: tower.heads for tower in towers if isinstance(tower.sites, str)}
        assert len(heads) == len(towers), "the sites of several towers are told apart by regular expressions"
        return Sites(target_modules="|".join(f"(?:{pattern})" for pattern in heads), heads=heads)
