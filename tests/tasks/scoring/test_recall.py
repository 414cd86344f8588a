"""Recall at k: its percentages, and what a random ranking has."""

from __future__ import annotations

import itertools
import math

import pytest

from atlas.tasks.scoring import CUTS, RECALL_SCORES
from atlas.tasks.scoring.recall import WAYS, Found, Recall

FOUND = {"image-to-text": Found(3, 4), "text-to-image": Found(1, 10)}


def test_a_score_is_a_way_s_or_the_mean_of_both() -> None:
    assert Recall(k=1).score(FOUND) == pytest.approx((75 + 10) / 2)
    assert Recall(k=1, ways=("image-to-text",)).score(FOUND) == pytest.approx(75.0)
    assert Recall(k=1, ways=("text-to-image",)).score(FOUND) == pytest.approx(10.0)
    assert Recall(k=1).score({way: Found(0, 0) for way in WAYS}) == 0.0


def test_the_names_say_the_way_and_k() -> None:
    assert {name: (score.k, score.ways) for name, score in RECALL_SCORES.items()} == {
        **{f"recall@{k}": (k, WAYS) for k in CUTS},
        **{f"{way}@{k}": (k, (way,)) for way in WAYS for k in CUTS},
    }


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_guessing_is_the_mean_over_all_rankings(k: int) -> None:
    """Two pictures with two captions and one, of three texts: counted out."""
    texts = list(itertools.permutations(range(3)))
    by_image = [sum(any(t in right for t in order[:k]) for order in texts) for right in ({0, 1}, {2})]
    expected = 100 * sum(by_image) / (2 * math.factorial(3))
    assert Recall(k=k, ways=("image-to-text",)).guessing([2, 1], texts=3) == pytest.approx(expected)
    by_text = 100 * min(1, k / 2)
    assert Recall(k=k, ways=("text-to-image",)).guessing([2, 1], texts=3) == pytest.approx(by_text)
    assert Recall(k=k).guessing([2, 1], texts=3) == pytest.approx((expected + by_text) / 2)
