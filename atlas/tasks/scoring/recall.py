"""Recall at k: pictures find their captions among all, and captions their picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Way = Literal["image-to-text", "text-to-image"]
WAYS: tuple[Way, ...] = ("image-to-text", "text-to-image")


class Found(NamedTuple):
    """How many of so many queries have found what is right among the first k. Adds up over workers."""

    hits: float
    queries: float


@dataclass(frozen=True, kw_only=True)
class Recall:
    """The share of queries of which one of the first k candidates is right, in percent; the mean over `ways`.

    Image to text, a picture asks for any of its captions among those of all pictures; text to image, every caption asks
    for its picture among all (Karpathy & Fei-Fei, 2015, arXiv:1412.2306; Flickr30k and COCO are published so).
    """

    k: int
    ways: tuple[Way, ...] = WAYS

    def score(self, found: Mapping[Way, Found]) -> float:
        """In percent; 0 of no queries."""
        return sum(_percent(found[way]) for way in self.ways) / len(self.ways)

    def guessing(self, captions: Sequence[int], *, texts: int) -> float:
        """The expected score of a random ranking, in percent, of pictures with so many captions each, `texts` in all.

        Of c right ones among M, one is among k with 1 − Π_{j<k} (M − c − j) / (M − j).
        """
        total = sum(captions)
        images = sum(_among(self.k, count, texts) for count in captions)
        return self.score(
            {
                "image-to-text": Found(images, len(captions)),
                "text-to-image": Found(total * _among(self.k, 1, len(captions)), total),
            }
        )


def _percent(found: Found) -> float:
    return 100 * found.hits / found.queries if found.queries else 0.0


def _among(k: int, right: int, total: int) -> float:
    """The probability that one of so many right candidates is among k drawn from all."""
    return 1.0 - math.prod(max(0, total - right - j) / (total - j) for j in range(min(k, total)))
