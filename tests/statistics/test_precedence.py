from __future__ import annotations

import itertools

import pytest

from atlas.metrics import Undefined
from atlas.statistics import Interval, Precedence, precedence_effects


def test_an_effect_that_was_put_in_is_found() -> None:
    """`a` gains 10 points in every order in which `b` comes first; `c` does nothing for it."""
    finals = {
        order: {"a": 60.0 + 10 * (order.index("b") < order.index("a")), "b": 50.0, "c": 40.0}
        for order in itertools.permutations("abc")
    }
    found = precedence_effects(finals)
    assert len(found) == 6
    gain = found["a", "b"]
    assert isinstance(gain, Precedence)
    assert (gain.effect, gain.before, gain.after) == (10, 3, 3)
    assert "all the same" in str(gain.interval)
    none = found["b", "a"]
    assert isinstance(none, Precedence)
    assert none.effect == 0


def test_welchs_interval_worked_out_by_hand() -> None:
    # Means 12 and 5, variances 4 and 4, three each: standard error √(8/3), 4 degrees of freedom, t = 2.7764.
    scores = {"bac": 10.0, "bca": 12.0, "cba": 14.0, "abc": 3.0, "acb": 5.0, "cab": 7.0}
    effect = precedence_effects({tuple(order): dict.fromkeys("abc", score) for order, score in scores.items()})[
        "a", "b"
    ]
    assert isinstance(effect, Precedence)
    assert isinstance(effect.interval, Interval)
    assert effect.effect == pytest.approx(7)
    half = 2.77645 * (8 / 3) ** 0.5
    assert (effect.interval.low, effect.interval.high) == pytest.approx((7 - half, 7 + half), abs=1e-3)


def test_what_never_varies_is_undefined() -> None:
    found = precedence_effects({("a", "b"): {"a": 1.0, "b": 2.0}})
    assert found["a", "b"] == Undefined("b always comes after a")
    assert found["b", "a"] == Undefined("a always comes before b")


def test_tasks_that_no_order_has_both_of_have_no_effect() -> None:
    found = precedence_effects({("a", "b"): {"a": 1.0, "b": 2.0}, ("b", "c"): {"b": 1.0, "c": 2.0}})
    assert found["a", "c"] == Undefined("no order has both a and c")


def test_one_order_on_a_side_has_an_effect_but_no_interval() -> None:
    found = precedence_effects({("a", "b"): {"a": 1.0, "b": 2.0}, ("b", "a"): {"a": 4.0, "b": 2.0}})["a", "b"]
    assert isinstance(found, Precedence)
    assert found.effect == 3
    assert "only one order" in str(found.interval)
