"""Attention whose masks are made without waiting for a GPU.

transformers leaves a mask out where no row has padding, and asks the device for that at every pass: the processor waits
for the GPU, and a pass that waits cannot be recorded. A decoder's mask is always made here on a device other than the
CPU, where asking costs nothing; a vision tower's images fill their grids and have none, nor have the texts of a dual
encoder, of which it is told no padding. Of a pass that is being recorded some releases of transformers make a mask
where they make none otherwise, and so choose another kernel: here a recorded pass is the one that was computed.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

PADDED, WHOLE = "sdpa_padded", "sdpa_whole"


def padded(*, attention_mask: Tensor | None = None, allow_is_causal_skip: bool = True, **kwargs: Any) -> Any:
    """As transformers' own mask for PyTorch's attention, bool [N, 1, L, K]; None only where that asks no device."""
    asks = attention_mask is not None and attention_mask.device.type != "cpu"
    return sdpa_mask(attention_mask=attention_mask, allow_is_causal_skip=allow_is_causal_skip and not asks, **kwargs)


def whole(**_: Any) -> None:
    """No mask: all tokens see all, or in a causal tower all before them."""


for name, mask in ((PADDED, padded), (WHOLE, whole)):
    AttentionInterface.register(name, sdpa_attention_forward)
    AttentionMaskInterface.register(name, mask)


def attend_without_waiting(module: nn.Module, *, padding: bool) -> None:
    """Let a decoder or a tower of transformers use these, where it uses PyTorch's attention.

    padding: whether some of its tokens may be padding.
    """
    config: Any = module.config
    if config._attn_implementation == "sdpa":
        config._attn_implementation = PADDED if padding else WHOLE
