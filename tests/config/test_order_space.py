from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import RandomSampler, TPESampler

from atlas.config.order_space import OrderSpace, by_modality
from atlas.config.space import order_of, params_of
from atlas.runtime.errors import UserError

TASKS = ("a", "b", "c", "d", "e")

optuna.logging.set_verbosity(optuna.logging.WARNING)


def together(order: tuple[str, ...], group: tuple[str, ...]) -> bool:
    places = sorted(map(order.index, group))
    return places[-1] - places[0] == len(group) - 1


SPACES: dict[str, tuple[OrderSpace, Any]] = {
    "all": (OrderSpace(TASKS), lambda order: True),
    "before": (
        OrderSpace(TASKS, before=(("b", "a"), ("a", "e"))),
        lambda order: order.index("b") < order.index("a") < order.index("e"),
    ),
    "first": (OrderSpace(TASKS, first=("c", "a")), lambda order: order[:2] == ("c", "a")),
    "last": (OrderSpace(TASKS, last=("d", "b")), lambda order: order[-2:] == ("d", "b")),
    "together": (OrderSpace(TASKS, together=(("a", "d", "e"),)), lambda order: together(order, ("a", "d", "e"))),
    "everything": (
        OrderSpace(TASKS, before=(("e", "a"),), first=("b",), last=("d",), together=(("a", "c"),)),
        lambda order: (
            order[0] == "b" and order[-1] == "d" and order.index("e") < order.index("a") and together(order, ("a", "c"))
        ),
    ),
}


@pytest.mark.parametrize("name", SPACES)
def test_its_orders_are_exactly_those_that_keep_to_the_constraints(name: str) -> None:
    space, keeps = SPACES[name]
    expected = [order for order in permutations(TASKS) if keeps(order)]
    assert list(space.orders()) == expected
    assert space.count() == len(expected)
    assert space.is_constrained == (name != "all")


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("way", ["suggest", "suggest_digits", "suggest_keys"])
@pytest.mark.parametrize("sampler", [RandomSampler, TPESampler])
def test_any_sampler_takes_every_space(name: str, way: str, sampler: type[optuna.samplers.BaseSampler]) -> None:
    space, keeps = SPACES[name]
    study = optuna.create_study(direction="maximize", sampler=sampler(seed=0))  # type: ignore[call-arg]

    def value(trial: optuna.Trial) -> float:
        order = getattr(space, way)(trial)
        assert sorted(order) == sorted(TASKS)
        assert keeps(order)
        return float(order.index("a"))

    study.optimize(value, n_trials=15, catch=())
    assert len(study.trials) == 15


@pytest.mark.parametrize("way", ["suggest", "suggest_digits", "suggest_keys"])
def test_every_order_can_be_suggested(way: str) -> None:
    space = OrderSpace(("a", "b", "c"), before=(("a", "b"),))
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    found = {getattr(space, way)(study.ask()) for _ in range(40)}
    assert found == set(space.orders())


@given(st.sampled_from(list(SPACES)), st.randoms(use_true_random=False))
def test_parameters_and_order_are_inverse(name: str, draw: random.Random) -> None:
    space, keeps = SPACES[name]
    order = space.drawn(draw)
    assert keeps(order)
    assert space.order_of(space.params(order)) == order


def test_without_constraints_the_parameters_are_those_of_every_sweep() -> None:
    space = OrderSpace(TASKS)
    assert all(space.params(order) == params_of(order) for order in permutations(TASKS))
    assert space.order_of(params_of(TASKS)) == order_of(params_of(TASKS), TASKS)
    assert space.order_of({"after nothing": "a"}) is None


def test_orders_below_a_prefix_are_counted() -> None:
    space = OrderSpace(TASKS, before=(("a", "b"),))
    assert space.count(("c",)) == len(list(space.orders(("c",)))) == 12
    assert space.choices(("c", "a")) == ["b", "d", "e"]
    assert space.choices(TASKS) == []


def test_orders_of_some_of_the_tasks() -> None:
    space = OrderSpace(TASKS, length=3, first=("b",))
    assert list(space.orders()) == [order for order in permutations(TASKS, 3) if order[0] == "b"]
    assert OrderSpace(TASKS, length=2).count() == 20
    assert len(space.suggest(optuna.create_study(sampler=RandomSampler(seed=0)).ask())) == 3


def test_groups_by_modality() -> None:
    assert by_modality({"a": "vision", "b": "language", "c": "vision"}) == (("a", "c"), ("b",))


def test_drawn_orders_are_equally_likely() -> None:
    """After `b` two orders remain, after `c` one: drawn task by task alone, c would begin half of them."""
    space, draw = OrderSpace(("a", "b", "c"), before=(("b", "a"),)), random.Random(0)
    drawn = [space.drawn(draw) for _ in range(300)]
    assert {order: drawn.count(order) > 70 for order in space.orders()} == dict.fromkeys(space.orders(), True)


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ({"before": (("a", "x"),)}, "unknown task in a constraint of orders 'x'"),
        ({"before": (("a", "a"),)}, "names a task twice"),
        ({"before": (("a", "b"), ("b", "a"))}, "no order of a, b, c, d, e keeps to a before b, b before a"),
        ({"first": ("a",), "last": ("a",)}, "keeps to a first, a last"),
        ({"first": ("a", "b"), "together": (("b", "c"), ("a", "d"))}, "leave a constraint out"),
        ({"together": (("a", "b"), ("b", "c"))}, "b stands in two groups"),
        ({"length": 6}, "give 1 to 5"),
        ({"length": 2, "last": ("a",)}, "give one of the two"),
    ],
)
def test_constraints_that_make_no_sense_are_refused(constraints: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        OrderSpace(TASKS, **constraints)


def test_an_order_outside_is_refused() -> None:
    space = OrderSpace(TASKS, before=(("a", "b"),))
    with pytest.raises(UserError, match=r"the order b,a,c,d,e does not keep to a before b"):
        space.params(("b", "a", "c", "d", "e"))
    with pytest.raises(UserError, match="take 5, each once"):
        space.check(("a", "b"))
