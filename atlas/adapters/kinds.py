"""The kinds of adapter: the function that each adds at a site.

A kind is one value. At a site with input x and output h = W x + b it gives

    z = activation(down · (h or x) + down_bias)                   [B, L, r]
    Φ(h) = h + scale · up · z + up_bias                           [B, L, D]

To add a kind, write its `AdapterKind` and add one line to `KINDS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class AdapterKind:
    """One kind of adapter.

    `reads` is the input of the down-projection: the site's output h or its input x. `activation` must map 0 to 0,
    since adapters of unequal rank are padded with zeros. `scaled` kinds multiply `up` by alpha / r. `draw` fills
    the weights down [r, in] and up [D, r], given the scale of the initialisation; biases start at 0.
    """

    reads: Literal["output", "input"]
    activation: Callable[[Tensor], Tensor] | None
    biased: bool
    scaled: bool
    draw: Callable[[Tensor, Tensor, float, torch.Generator | None], None]

    def scale(self, r: int, alpha: float | None) -> float:
        """The factor of `up`: alpha / r for scaled kinds (1 where alpha is None), else 1."""
        return 1.0 if not self.scaled or alpha is None else alpha / r


def _draw_normal(down: Tensor, up: Tensor, std: float, generator: torch.Generator | None) -> None:
    down.normal_(0, std, generator=generator)
    up.normal_(0, std, generator=generator)


def _draw_lora(down: Tensor, up: Tensor, std: float, generator: torch.Generator | None) -> None:
    """LoRA (Hu et al., 2021): down Kaiming-uniform with a = √5, that is U(±1/√in); up 0, so that Φ starts as h."""
    bound = 1 / math.sqrt(down.shape[1])
    down.uniform_(-bound, bound, generator=generator)
    up.zero_()


BOTTLENECK = AdapterKind(reads="output", activation=F.silu, biased=True, scaled=False, draw=_draw_normal)
LORA = AdapterKind(reads="input", activation=None, biased=False, scaled=True, draw=_draw_lora)

KINDS: dict[str, AdapterKind] = {
    "bottleneck": BOTTLENECK,
    "lora": LORA,
}
