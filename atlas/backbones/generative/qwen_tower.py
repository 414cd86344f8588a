"""The vision tower of Qwen2.5-VL over images of one size, without waiting for a GPU.

transformers puts the patches of images of any size into one row, and asks the device at every pass where their windows
begin: the processor waits for the GPU, and a pass that waits cannot be recorded. Here all images have one grid, which
is known beforehand: they are a batch, and the windows of one length are another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Runs = tuple[tuple[int, int], ...]


class WindowLayout(NamedTuple):
    """The windows of one image. order: the place in the grid of each group of patches that are merged, window by
    window, those of one length after another. runs: windows of one length, and its patches, in that order.
    """

    order: list[int]
    runs: Runs


def window_layout(side: int, window: int, patches: int) -> WindowLayout:
    """The windows of a grid of `side` × `side` groups, of `window` × `window` of them or, at its ends, less.

    patches: those of a group.
    """
    spans = [range(start, min(start + window, side)) for start in range(0, side, window)]
    windows = [[row * side + column for row in rows for column in columns] for rows in spans for columns in spans]
    windows.sort(key=len)
    runs = tuple((len(list(same)), patches * length) for length, same in groupby(map(len, windows)))
    return WindowLayout(order=[place for one in windows for place in one], runs=runs)


def rotations(order: Tensor, frequencies: Tensor, *, side: int, merge: int) -> Tensor:
    """[2, T, d]: cosine and sine of the angles of T patches, by their row and then by their column, for heads of width
    d. order: as in `WindowLayout`. frequencies: [d / 4], those of the tower. merge: patches along a group's side.
    """
    inner = torch.arange(merge**2)
    places = (order // side, inner // merge), (order % side, inner % merge)
    lines = [(outer[:, None] * merge + own).flatten() for outer, own in places]
    angles = torch.cat([line[:, None] * frequencies.float() for line in lines], dim=1).repeat(1, 2)
    return torch.stack([angles.cos(), angles.sin()])


class ImageTower(nn.Module):
    """A pass through transformers' tower for images of `side` × `side` groups of patches."""

    def __init__(self, tower: Any, *, side: int) -> None:
        super().__init__()
        merge = tower.spatial_merge_size
        self.group = merge**2
        layout = window_layout(side, tower.window_size // merge // tower.patch_size, self.group)
        order = torch.tensor(layout.order)
        self.runs, self.whole = layout.runs, ((1, self.group * side**2),)
        frequencies = tower.rotary_pos_emb.inv_freq.cpu()
        self.order, self.back = nn.Buffer(order, persistent=False), nn.Buffer(order.argsort(), persistent=False)
        self.rotations = nn.Buffer(rotations(order, frequencies, side=side, merge=merge), persistent=False)

    def forward(self, tower: Any, patches: Tensor, count: int) -> Tensor:
        """The patches of N images, those of a group beside each other -> features [N, G, D], a group's each."""
        states = tower.patch_embed(patches)
        states = states.view(count, -1, self.group, states.shape[-1])[:, self.order].flatten(1, 2)
        for number, block in enumerate(tower.blocks):
            runs = self.whole if number in tower.fullatt_block_indexes else self.runs
            states = states + attended(block.attn, block.norm1(states), self.rotations, runs)
            states = states + block.mlp(block.norm2(states))
        merged: Tensor = tower.merger(states)
        return merged.view(count, len(self.order), -1)[:, self.back]


def attended(attention: Any, states: Tensor, rotations: Tensor, runs: Runs) -> Tensor:
    """The output of a block's attention [N, T, D], within windows of these lengths."""
    count, length, width = states.shape
    queries, keys, values = attention.qkv(states).view(count, length, 3, attention.num_heads, -1).unbind(2)
    turned = rotated(queries, rotations), rotated(keys, rotations), values
    parts = [
        F.scaled_dot_product_attention(q, k, v, scale=attention.scaling).transpose(1, 2).reshape(count, -1, width)
        for q, k, v in _windows(*turned, runs)
    ]
    out: Tensor = attention.proj(torch.cat(parts, 1))
    return out


def rotated(states: Tensor, rotations: Tensor) -> Tensor:
    """States [N, T, H, d] turned by the angles [2, T, d] of their places (Su et al., 2021), in float32."""
    cosine, sine = rotations[:, :, None]
    half = states.shape[-1] // 2
    given = states.float()
    swapped = torch.cat([-given[..., half:], given[..., :half]], dim=-1)
    return (given * cosine + swapped * sine).to(states.dtype)


def _windows(queries: Tensor, keys: Tensor, values: Tensor, runs: Runs) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """States [N, T, H, d] as [N · windows, H, length, d], for each run of windows of one length."""
    begin = 0
    for windows, length in runs:
        end = begin + windows * length
        q, k, v = (one[:, begin:end].reshape(-1, length, *one.shape[2:]) for one in (queries, keys, values))
        yield q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        begin = end
