"""Contrast of pictures and captions over the batch of all workers: the losses of CLIP and SigLIP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from atlas.learners.process_group import ProcessGroup
from atlas.runtime.digest import text_sha256

DIGITS = 15  # of a text's sha256 that tell it from others: a long's


class Features(NamedTuple):
    """Features of length 1: of images [B, P], and of texts [B, C, P], of which `held` bool [B, C] are the record's."""

    images: Tensor
    texts: Tensor
    held: Tensor


@dataclass(frozen=True, kw_only=True)
class PairedFeatures:
    """The own records' features and those of all workers' records. numbers [B, C]: equal where captions are the same.

    A text is right for an image where it is the same as one of its captions, whichever record it came with.
    """

    own: Features
    every: Features
    numbers: Tensor
    every_number: Tensor


Scaled = Callable[[Tensor], Tensor]  # cosines -> logits


def pairs_of(own: Features, captions: Sequence[Sequence[str]], group: ProcessGroup) -> PairedFeatures:
    """The pairs of the batch of all processes, through which gradients flow. Each has as many records."""
    most = int(group.all_gather(torch.tensor([own.held.shape[1]], device=own.held.device)).max())
    missing = most - own.held.shape[1]
    texts = torch.cat([own.texts, own.texts[:, :1].expand(-1, missing, -1)], 1)
    own = Features(own.images, texts, nn.functional.pad(own.held, (0, missing)))
    named = [[number_of(text) for text in one] for one in captions]
    numbers = torch.tensor([one + one[:1] * (most - len(one)) for one in named], device=texts.device)
    held, every_number = (group.gather_rows(one) for one in (own.held.long(), numbers))
    every = Features(group.gather_rows(own.images), group.gather_rows(own.texts), held.bool())
    return PairedFeatures(own=own, every=every, numbers=numbers, every_number=every_number)


def number_of(text: str) -> int:
    """A number by which a text is told from others, the same in every process."""
    return int(text_sha256(text)[:DIGITS], 16)


def softmax_loss(pairs: PairedFeatures, scaled: Scaled) -> Tensor:
    """½ (L_image + L_text) over the own records (Radford et al., 2021, arXiv:2103.00020), a scalar.

    With p the softmax of s cos over the texts of all records, and q that over all images, of a record i
    L_image = −mean over the texts t that are right for i of log p(t | i), and
    L_text = −mean over the captions t of i, and over the images j that t is right for, of log q(j | t).
    Of one caption a record these are CLIP's; the means over what is right are those of Khosla et al. (2020,
    arXiv:2004.11362, L_out).
    """
    own, every = pairs.own, pairs.every
    by_image = scaled(own.images @ every.texts.flatten(0, 1).T).masked_fill(~every.held.flatten(), -torch.inf)
    of_image = _mean_of(by_image, is_right(pairs.numbers, pairs.every_number) & every.held.flatten())
    by_text = scaled(own.texts.flatten(0, 1) @ every.images.T)
    of_text = _mean_of(by_text, is_right(pairs.every_number, pairs.numbers).T).unflatten(0, own.held.shape)
    return -(of_image.mean() + (of_text * _shares(own.held)).sum(1).mean()) / 2


def sigmoid_loss(pairs: PairedFeatures, scaled: Scaled) -> Tensor:
    """−1/B Σ_i Σ_t w_t log σ(z_it (s cos + b)) over the own images i and all texts t (Zhai et al., 2023,
    arXiv:2303.15343), a scalar; z is 1 where t is right for i and −1 elsewhere, w_t = 1 / captions of its record.
    """
    own, every = pairs.own, pairs.every
    logits = scaled(own.images @ every.texts.flatten(0, 1).T)
    signs = torch.where(is_right(pairs.numbers, pairs.every_number), 1.0, -1.0)
    values = nn.functional.logsigmoid(signs * logits) * _shares(every.held).flatten()
    return -values.sum(1).mean()


def is_right(numbers: Tensor, others: Tensor) -> Tensor:
    """For images with captions [B, C], and texts [N, C]: whether each is the same as a caption, bool [B, N · C]."""
    found = torch.zeros(len(numbers), others.numel(), dtype=torch.bool, device=numbers.device)
    for column in numbers.T:
        found |= column[:, None] == others.flatten()
    return found


def _mean_of(logits: Tensor, right: Tensor) -> Tensor:
    """The mean of log softmax over what is right in each row [R, N]: [R]."""
    likely = logits.log_softmax(-1).masked_fill(~right, 0.0)
    return likely.sum(-1) / right.sum(-1)


def _shares(held: Tensor) -> Tensor:
    """1 / captions of its record for each that is one, else 0: [B, C]."""
    return held / held.sum(1, keepdim=True)
