from __future__ import annotations

import pickle
from itertools import permutations
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from atlas.config.order_space import OrderSpace
from atlas.config.space import Order, params_of, prefix_name, suggest_order
from atlas.search.prefix_sampler import PrefixSampler
from atlas.search.proposed_orders import ProposedOrders

TASKS = ("a", "b", "c", "d")
ORDERS = list(permutations(TASKS))

optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_of(sampler: PrefixSampler) -> optuna.Study:
    return optuna.create_study(sampler=sampler, direction="maximize")


def ask(study: optuna.Study, count: int) -> list[Order]:
    """The next orders, each told to be worth where `a` stands."""
    orders: list[Order] = []
    for _ in range(count):
        trial = study.ask()
        orders.append(suggest_order(trial, TASKS))
        study.tell(trial, float(orders[-1].index("a")))
    return orders


@given(st.lists(st.sampled_from(ORDERS)), st.permutations(TASKS), st.integers(0, 4))
def test_what_is_left_below_a_prefix_is_what_no_order_has_taken(taken: list[Order], order: list[str], n: int) -> None:
    proposed, prefix = ProposedOrders(OrderSpace(TASKS)), tuple(order[:n])
    for one in taken:
        proposed.add(one)
    assert proposed.left(prefix) == sum(one[:n] == prefix for one in set(ORDERS) - set(taken))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*ORDERS, None]), max_size=12), st.integers(0, 3), st.booleans())
def test_no_order_comes_twice_whatever_was_tried_before(told: list[Order | None], seed: int, failed: bool) -> None:
    """Told are orders, some of them twice, and trials that ended before they chose (None)."""
    study = study_of(PrefixSampler(TASKS, seed=seed))
    for order in told:
        if order is not None:
            study.enqueue_trial(params_of(order))
        trial = study.ask()
        if order is not None:
            suggest_order(trial, TASKS)
        lost = failed or order is None
        study.tell(trial, None if lost else 1.0, state=TrialState.FAIL if lost else None)
    known = {order for order in told if order is not None}
    left = len(ORDERS) - len(known)
    found = ask(study, left)
    assert set(found) == set(ORDERS) - known
    assert len(ask(study, 2)) == 2


def test_trials_that_choose_by_turns_are_counted_once_their_orders_are_whole() -> None:
    study = study_of(PrefixSampler(("a", "b"), seed=0))
    first, second = study.ask(), study.ask()
    one, other = (suggest_order(trial, ("a", "b")) for trial in (second, first))
    assert {one, other} == {("a", "b"), ("b", "a")}


@pytest.mark.parametrize("at", [0, 1, 7, 23])
def test_a_restored_sampler_goes_on_as_if_nothing_had_happened(at: int) -> None:
    whole, cut = study_of(PrefixSampler(TASKS, seed=1)), study_of(PrefixSampler(TASKS, seed=1))
    expected = ask(whole, 24)
    begun = ask(cut, at)
    restored: optuna.Study = pickle.loads(pickle.dumps(cut))
    assert [*begun, *ask(restored, 24 - at)] == expected


def test_a_sampler_pickled_by_an_earlier_version_reads_the_study() -> None:
    sampler = PrefixSampler(TASKS, seed=1)
    older = PrefixSampler.__new__(PrefixSampler)
    older.__setstate__({"tasks": TASKS, "seed": 1, "inner": sampler.inner})
    assert len(set(ask(study_of(older), 24))) == 24


def test_one_sampler_serves_two_studies() -> None:
    sampler = PrefixSampler(TASKS, seed=0)
    for study in (study_of(sampler), study_of(sampler)):
        assert len(set(ask(study, 24))) == 24


def test_a_pickled_sampler_does_not_grow_with_the_trials() -> None:
    sampler = PrefixSampler(TASKS, seed=0)
    study = study_of(sampler)
    ask(study, 2)
    before = len(pickle.dumps(sampler))
    ask(study, 20)
    assert len(pickle.dumps(sampler)) <= before + 100


def test_a_suggestion_does_not_look_at_all_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    whole = OrderSpace.order_of
    monkeypatch.setattr(OrderSpace, "order_of", lambda space, params: read.append(params) or whole(space, params))
    study = study_of(PrefixSampler(TASKS, seed=0))
    ask(study, 24)
    assert len(read) <= 2 * 24  # when it is asked, and when it was


def test_a_part_of_an_order_may_be_given() -> None:
    study = study_of(PrefixSampler(TASKS, seed=0))
    for _ in range(6):
        study.enqueue_trial({prefix_name(()): "d"})
    assert len(set(ask(study, 24))) == 24
