"""Recall over a whole split: ranks against brute force, ties, texts that come twice, limits and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from atlas.data.loader import Split
from atlas.learners import retrieval
from atlas.learners.contrast import Features
from atlas.learners.divergence import Diverged
from atlas.learners.evaluation import score
from atlas.learners.evaluation_records import records_scored
from atlas.learners.process_group import ProcessGroup
from atlas.learners.retrieval import Gallery, outranking, retrieval_score
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import write_clip
from tests.small import World, make_world

TASK = "flickr30k-twin"
SCORES = ("recall@1", "recall@5", "image-to-text@1", "image-to-text@5", "text-to-image@1", "text-to-image@10")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("retrieval")
    return make_world(write_clip(root / "clip"), root / "data", [TASKS[TASK]], {"train": 8, "val": 4, "test": 13})


class Known:
    """A model whose features of records are drawn from the texts and pixels alone: `world`'s features, and cheap."""

    def __init__(self, spoilt: int | None = None) -> None:
        self.spoilt, self.asked = spoilt, 0

    def embed(self, batch: Any, task: str) -> Features:
        self.asked += len(batch)
        texts = torch.stack([torch.stack([vector(text) for text in one]) for one in batch.references])
        noise = torch.stack([vector(f"{row.sum()}") for row in batch.pixels])
        images = normalize(texts.mean(1) + 0.4 * noise, dim=-1)
        if self.spoilt is not None:
            images[self.spoilt] = torch.nan
        return Features(images, texts, torch.ones(texts.shape[:2], dtype=torch.bool))


def vector(text: str) -> Tensor:
    return normalize(torch.randn(6, generator=torch.Generator().manual_seed(sum(map(ord, text)))), dim=0)


def expected(name: str, split: Split, asking: Sequence[int]) -> float:
    """The recall of a split by sorting all candidates of every query."""
    batch = split.batch(torch.arange(len(split)))
    images, texts, _ = Known().embed(batch, TASK)
    assert batch.references is not None
    words = [
        (owner, text, texts[owner, place])
        for owner, row in enumerate(batch.references)
        for place, text in enumerate(row)
    ]
    found: dict[str, list[bool]] = {"image-to-text": [], "text-to-image": []}
    way, _, k = name.partition("@")
    for number in asking:
        ranked = sorted({text: float(images[number] @ row) for _, text, row in words}.items(), key=lambda one: -one[1])
        found["image-to-text"].append(any(text in batch.references[number] for text, _ in ranked[: int(k)]))
        for place in range(len(batch.references[number])):
            order = (images @ texts[number, place]).argsort(descending=True)[: int(k)].tolist()
            text = batch.references[number][place]
            found["text-to-image"].append(any(text in batch.references[image] for image in order))
    shares = {one: 100 * sum(hits) / len(hits) for one, hits in found.items()}
    return sum(shares.values()) / 2 if way == "recall" else shares[way]


def found(world: World, name: str, *, limit: int | None = None, model: Any = None, group: Any = None) -> float:
    data = replace(world.worker_context.data[TASK], scoring=name)
    return retrieval_score(model or Known(), data, "test", limit=limit, group=group or ProcessGroup())


@pytest.mark.parametrize("name", SCORES)
def test_it_is_the_recall_of_sorting_all_candidates(world: World, name: str) -> None:
    split = world.worker_context.data[TASK].splits["test"]
    assert found(world, name) == pytest.approx(expected(name, split, range(13)))
    assert 0 < found(world, name) < 100


def test_a_limit_asks_fewer_questions_of_all_candidates(world: World) -> None:
    split, model = world.worker_context.data[TASK].splits["test"], Known()
    asking = records_scored(split, 5).tolist()
    assert found(world, "recall@1", limit=5, model=model) == pytest.approx(expected("recall@1", split, asking))
    assert model.asked == 13


class Waiting(Exception):
    """The others have not given theirs yet."""


@dataclass(frozen=True, kw_only=True)
class Told(ProcessGroup):
    """A process of three that is told what the others gave, once they all have; `sums` are what each adds up."""

    shares: list[Any] = field(default_factory=list)
    sums: list[Tensor] = field(default_factory=list)

    def gather(self, value: Any) -> list[Any]:
        if len(self.shares) < self.size:
            self.shares.append(value)
            raise Waiting
        return self.shares

    def all_reduce(self, values: Tensor) -> Tensor:
        self.sums.append(values)
        return values


def test_three_workers_find_together_what_one_does(world: World) -> None:
    first = Told(rank=0, size=3)
    groups = [replace(first, rank=rank) for rank in range(3)]
    for group in groups:
        with pytest.raises(Waiting):
            found(world, "recall@1", group=group)
    for group in groups:
        found(world, "recall@1", group=group)
    hits, asked, text_hits, texts = torch.stack(first.sums).sum(0).tolist()
    assert (asked, texts) == (13, 65)
    assert (100 * hits / asked + 100 * text_hits / texts) / 2 == pytest.approx(found(world, "recall@1"))


def test_a_model_that_tells_nothing_apart_finds_nothing() -> None:
    images, texts = torch.ones(4, 2), torch.ones(5, 2)
    gallery = Gallery(images=images, texts=texts, captions=[("a", "e"), ("b",), ("c",), ("d",)])
    assert gallery.by_images(range(4)).tolist() == [3, 4, 4, 4]
    assert gallery.by_texts(["a", "e", "d"]).tolist() == [3, 3, 3]


def test_a_text_is_right_for_every_picture_that_has_it() -> None:
    images = torch.eye(3)
    texts = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # of "twice", which the second picture is like, and "c"
    gallery = Gallery(images=images, texts=texts, captions=[("twice",), ("twice",), ("c",)])
    assert gallery.by_texts(["twice", "c"]).tolist() == [0, 0]
    assert gallery.by_images([0, 1, 2]).tolist() == [1, 0, 0]


@given(st.integers(1, 6), st.integers(2, 8), st.integers(0, 99))
def test_ranks_are_those_of_counting(queries: int, candidates: int, seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    likeness = torch.randint(0, 4, (queries, candidates), generator=source).float()
    right = [torch.randperm(candidates, generator=source)[: 1 + row % 2].tolist() for row in range(queries)]
    for row, count in enumerate(outranking(likeness, right).tolist()):
        best = max(likeness[row, one] for one in right[row])
        assert count == sum(likeness[row, one] >= best for one in range(candidates) if one not in right[row])


def test_features_that_are_not_finite_have_no_score(world: World) -> None:
    with pytest.raises(Diverged, match=r"the features of 1 test record of flickr30k-twin are not finite"):
        found(world, "recall@1", model=Known(spoilt=3))


def test_a_real_model_is_scored_by_the_evaluation_a_few_questions_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "AT_ONCE", 3)
    model = world.model()
    model.new_readout = "similarity"
    model.ensure_head(TASK, torch.Generator().manual_seed(0))
    data = world.worker_context.data[TASK]
    values = [
        score(model, replace(data, scoring=f"recall@{k}"), "test", limit=None, group=ProcessGroup()) for k in (1, 10)
    ]
    assert 0 <= values[0] < values[1] <= 100
    model.detach()
