"""Retrieval: the pictures of a split find their captions among all, and the captions their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from atlas.data.loader import Batch, Split
from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import REMEDY, Diverged
from atlas.learners.evaluation_records import read_batches, records_scored
from atlas.learners.out_of_memory import InParts
from atlas.learners.process_group import ProcessGroup
from atlas.learners.task_data import TaskData
from atlas.runtime.text import counted
from atlas.tasks.scoring import RECALL_SCORES
from atlas.tasks.scoring.recall import WAYS, Found

AT_ONCE = 256  # queries that are compared with all candidates


class Embedded(NamedTuple):
    """Features of records: images [B, P], and of their captions one after another [Σ C, P]."""

    images: Tensor
    texts: Tensor


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """All pictures of a split with their features [N, P], their captions, and the features of the different texts
    among these [M, P], in the order of their records.
    """

    images: Tensor
    texts: Tensor
    captions: Sequence[Sequence[str]]

    @cached_property
    def places(self) -> dict[str, int]:
        """Text -> its row in `texts`."""
        return {text: place for place, text in enumerate(dict.fromkeys(chain.from_iterable(self.captions)))}

    @cached_property
    def pictures(self) -> dict[str, list[int]]:
        """Text -> the pictures of which it is a caption."""
        found: dict[str, list[int]] = {}
        for number, captions in enumerate(self.captions):
            for text in captions:
                found.setdefault(text, []).append(number)
        return found

    def by_images(self, numbers: Sequence[int]) -> Tensor:
        """How many wrong texts are as like each of these pictures as the best of its captions, or more: long [Q]."""
        right = [[self.places[text] for text in self.captions[number]] for number in numbers]
        return outranking(self.images[list(numbers)] @ self.texts.T, right)

    def by_texts(self, texts: Sequence[str]) -> Tensor:
        """How many wrong pictures are as like each of these texts as the best of its own, or more: long [Q]."""
        rows = [self.places[text] for text in texts]
        return outranking(self.texts[rows] @ self.images.T, [self.pictures[text] for text in texts])


def retrieval_score(
    model: ContinualModel, data: TaskData, split: str, *, limit: int | None, group: ProcessGroup
) -> float:
    """The recall of the task's score on a split, in percent.

    The candidates are all of the split, whatever `limit` says: it samples the pictures that ask, with their captions,
    as `evaluation.score` does. A picture's captions are all right, and so is any text that is the same as one of them.
    What is wrong and as like as what is right ranks before it, so that a model that tells nothing apart finds nothing.
    The same on any number of workers, of which each encodes and asks its share.

    Raises:
        Diverged: features of a record are not finite.
    """
    part = data.splits[split]
    gallery, recall = _gallery(model, data, part, group), RECALL_SCORES[data.scoring]
    asking = group.shard(records_scored(part, limit)).tolist()
    with torch.autocast(group.device.type, enabled=False):
        counts = _counts(gallery, asking, recall.k)
    total = group.all_reduce(counts.to(group.device)).tolist()
    return recall.score({way: Found(*total[2 * place : 2 * place + 2]) for place, way in enumerate(WAYS)})


def _counts(gallery: Gallery, asking: Sequence[int], k: int) -> Tensor:
    """For these pictures, and then for their captions, how many find what is right among the first k, and their number:
    float64 [4].
    """
    texts = [text for number in asking for text in gallery.captions[number]]
    by_images = [gallery.by_images(asking[start : start + AT_ONCE]) for start in range(0, len(asking), AT_ONCE)]
    by_texts = [gallery.by_texts(texts[start : start + AT_ONCE]) for start in range(0, len(texts), AT_ONCE)]
    hits = [sum(int((one < k).sum()) for one in found) for found in (by_images, by_texts)]
    return torch.tensor([hits[0], len(asking), hits[1], len(texts)], dtype=torch.float64)


def outranking(likeness: Tensor, right: Sequence[Sequence[int]]) -> Tensor:
    """likeness [Q, N], and the right candidates of each row: how many wrong ones are as like as the best, long [Q]."""
    rows = [row for row, places in enumerate(right) for _ in places]
    own = torch.zeros_like(likeness, dtype=torch.bool)
    own[rows, list(chain.from_iterable(right))] = True
    best = likeness.masked_fill(~own, -torch.inf).amax(1, keepdim=True)
    return ((likeness >= best) & ~own).sum(1)


def _gallery(model: ContinualModel, data: TaskData, part: Split, group: ProcessGroup) -> Gallery:
    """The features of all records, of which each process encodes its share. Raises Diverged."""
    embed = InParts(lambda batch: _embedded(model, batch, data.name), _joined)
    images, texts, named = list[Tensor](), list[Tensor](), list[tuple[int, tuple[str, ...]]]()
    for numbers, batch in read_batches(part, group.shard(torch.arange(len(part))), group):
        assert batch.references is not None
        found = embed(batch)
        images.append(found.images.cpu())
        texts.append(found.texts.cpu())
        named += zip(numbers.tolist(), batch.references, strict=True)
    gathered = group.gather((named, torch.cat(images) if images else None, torch.cat(texts) if texts else None))
    return _sorted([one for one in gathered if one[0]], f"{part.name} record", data.name, group)


Share = tuple[list[tuple[int, tuple[str, ...]]], Tensor | None, Tensor | None]


def _sorted(shares: Sequence[Share], what: str, task: str, group: ProcessGroup) -> Gallery:
    """The gallery of all processes' records, by their numbers."""
    images, texts, captions = dict[int, Tensor](), dict[int, Tensor](), dict[int, tuple[str, ...]]()
    for named, shared_images, shared_texts in shares:
        assert shared_images is not None
        assert shared_texts is not None
        rows = shared_texts.split([len(one) for _, one in named])
        for place, (number, one) in enumerate(named):
            images[number], texts[number], captions[number] = shared_images[place], rows[place], one
    order = sorted(captions)
    unfit = sum(not (images[number].isfinite().all() and texts[number].isfinite().all()) for number in order)
    if unfit:
        raise Diverged(f"the features of {counted(unfit, what)} of {task} are not finite; {REMEDY}")
    first: dict[str, Tensor] = {}
    for number in order:
        for text, row in zip(captions[number], texts[number], strict=True):
            first.setdefault(text, row)
    return Gallery(
        images=torch.stack([images[number] for number in order]).to(group.device),
        texts=torch.stack(list(first.values())).to(group.device),
        captions=[captions[number] for number in order],
    )


def _embedded(model: ContinualModel, batch: Batch, task: str) -> Embedded:
    found = model.embed(batch, task)
    return Embedded(found.images, found.texts[found.held])


def _joined(parts: list[Embedded]) -> Embedded:
    return Embedded(*(torch.cat(one) for one in zip(*parts, strict=True)))
