from __future__ import annotations

import itertools

import pytest

from atlas.metrics import Undefined
from atlas.statistics import RankCorrelation, rank_correlation

ORDERS = list(itertools.permutations("abcd"))


def scores(*values: float) -> dict[tuple[str, ...], float]:
    return dict(zip(ORDERS, values, strict=False))


def test_equal_rankings_correlate_fully_and_p_is_exact() -> None:
    """Of 4! pairings two are as extreme: the same and the reverse."""
    found = rank_correlation(("x", scores(1, 2, 3, 4)), ("y", scores(10, 20, 30, 99)))
    assert isinstance(found, RankCorrelation)
    assert (found.spearman, found.kendall, found.count) == pytest.approx((1, 1, 4))
    assert found.spearman_p == pytest.approx(2 / 24)
    assert found.kendall_p == pytest.approx(2 / 24)


def test_one_swap_worked_out_by_hand() -> None:
    # ρ = 1 - 6·(1+1)/(4·15) = .8; five of six pairs agree: τ = (5-1)/6.
    found = rank_correlation(("x", scores(1, 2, 3, 4)), ("y", scores(2, 1, 3, 4)))
    assert isinstance(found, RankCorrelation)
    assert (found.spearman, found.kendall) == pytest.approx((0.8, 4 / 6))


def test_only_orders_that_both_have_count_whatever_their_sequence() -> None:
    mixed = dict(reversed(list(scores(4, 3, 2, 1, 50).items())))
    found = rank_correlation(("x", scores(1, 2, 3, 4)), ("y", mixed))
    assert isinstance(found, RankCorrelation)
    assert (found.spearman, found.count) == pytest.approx((-1, 4))


def test_many_orders_are_drawn_by_a_seed() -> None:
    x, y = scores(*range(24)), scores(*[(7 * n) % 24 for n in range(24)])
    first, again = (rank_correlation(("x", x), ("y", y), seed=3) for _ in range(2))
    assert first == again
    assert isinstance(first, RankCorrelation)
    assert first.spearman_p > 0.05


def test_too_few_orders_and_ties_alone_are_undefined() -> None:
    assert "share 2 orders" in str(rank_correlation(("x", scores(1, 2)), ("y", scores(1, 2))))
    tied = rank_correlation(("x", scores(1, 2, 3)), ("y", scores(5, 5, 5)))
    assert tied == Undefined("y scores the same in all 3 orders, so that there is no ranking")
