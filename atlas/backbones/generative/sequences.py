"""Sequences as a decoder takes them: rows of prompts with their images' tokens, made at batch time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """N sequences. tokens: long [N, L]. mask: bool [N, L], true where there is a token. prompt: bool [N, L], those of
    the prompt, the image's among them. images: long [N, L], the number of an image's token among that image's, −1
    elsewhere. count: the images of each sequence.
    """

    tokens: Tensor
    mask: Tensor
    prompt: Tensor
    images: Tensor
    count: int

    @classmethod
    def of(cls, rows: Tensor, mask: Tensor, *, image_id: int, expansion: Tensor, images: int) -> Sequences:
        """From rows [N, L] with one token an image: it gives place to the tokens of `expansion`, those of an image.

        A prompt ends at the first place without a token; what comes after it is an answer. images: of each row, or none
        of any. On a GPU, which would be waited for, that is not checked: the rows of prepared data have as many.
        Raises UserError where they have not.
        """
        tokens, prompt = rows.masked_fill(~mask, 0), mask.cumprod(1).bool()
        is_image = (rows == image_id) & prompt
        if rows.device.type == "cpu":
            _check(is_image.sum(1), images)
        if not images:
            return cls(tokens=tokens, mask=mask, prompt=prompt, images=torch.full_like(rows, -1), count=0)
        size, own_size = expansion.shape[0], images * (expansion.shape[0] - 1)
        ends = torch.where(is_image, size, 1).cumsum(1)
        places = torch.arange(rows.shape[1] + own_size, device=rows.device).expand(len(rows), -1).contiguous()
        sources = torch.searchsorted(ends, places, right=True).clamp_max(rows.shape[1] - 1)
        beyond = places >= ends[:, -1:]
        tokens, mask, prompt, is_image = (one.gather(1, sources) for one in (tokens, mask, prompt, is_image))
        mask, prompt, is_image = (one & ~beyond for one in (mask, prompt, is_image))
        within = (is_image.cumsum(1) - 1) % size
        tokens = torch.where(is_image, expansion[within], tokens)
        is_image = is_image & (tokens == image_id)
        own = (is_image.cumsum(1) - 1) % (expansion == image_id).sum()
        return cls(tokens=tokens, mask=mask, prompt=prompt, images=own.masked_fill(~is_image, -1), count=images)

    def left_padded(self) -> Sequences:
        """The same with what follows the last token moved to the front, as decoding needs it."""
        width = self.mask.shape[1]
        places = torch.arange(width, device=self.mask.device)
        places = (places + self.lengths[:, None]) % width
        tokens, mask, prompt, images = (
            one.gather(1, places) for one in (self.tokens, self.mask, self.prompt, self.images)
        )
        return replace(self, tokens=tokens, mask=mask, prompt=prompt, images=images)

    @property
    def lengths(self) -> Tensor:
        """long [N]: the places up to the last token."""
        width = self.mask.shape[1]
        return width - self.mask.flip(1).int().argmax(1)

    @property
    def has_images(self) -> Tensor:
        """bool [N, L]: the places that an image's features take."""
        return self.images >= 0

    def positions(self) -> Tensor:
        """long [N, L]: each token's number in its sequence; padding is not counted."""
        return (self.mask.cumsum(1) - 1).clamp_min(0)


def _check(counts: Tensor, images: int) -> None:
    """Raises UserError for rows of other numbers of images, but for rows of none at all."""
    found = set(counts.tolist())
    if found - {images} and found != {0}:
        raise UserError(
            f"prompts have places for {counted(max(found), 'image')}, and records have {images}: prepare the task "
            "again."
        )
