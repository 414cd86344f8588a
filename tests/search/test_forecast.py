"""Forecasts of unfinished trials, from the scores after every prefix."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import islice, permutations

import pytest

from atlas.config.space import Order
from atlas.config.trial import TrialConfig
from atlas.learners import Schedule, TwoStage
from atlas.search.forecast import LEAST, Forecast
from atlas.search.order_features import Observation
from atlas.search.order_statistics import OrderStatistics
from atlas.simulation.landscape import SyntheticLandscape

TASKS = ("a", "b", "c", "d")
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=2)
ORDERS = list(permutations(TASKS))
BEST, WORST = max(ORDERS, key=LANDSCAPE.final), min(ORDERS, key=LANDSCAPE.final)


def config(order: Order, **parameters: float) -> TrialConfig:
    learner = TwoStage(experience=None, expansion=Schedule(steps=1))
    return TrialConfig(learner=learner, orders=(order,), seeds=(0,), parameters=parameters)


def scores(order: Order, length: int, more: float = 0.0) -> list[list[float]]:
    return [[one + more for one in LANDSCAPE.scores(order[:count])] for count in range(1, length + 1)]


def known(count: int) -> Forecast:
    """A forecast that knows the best order, and others that are neither it nor the worst."""
    forecast = Forecast(TASKS)
    others = (order for order in ORDERS if order not in (BEST, WORST))
    for number, order in enumerate((BEST, *islice(others, count - 1))):
        forecast.learn(str(number), config(order), scores(order, 4))
    return forecast


def test_an_order_that_is_expected_to_end_below_the_best_is_given_up() -> None:
    forecast = known(12)
    forecast.learn("bad", config(WORST), scores(WORST, 2))
    best = LANDSCAPE.final(BEST)
    assert f"% at most, and {best:.1f} % is known" in forecast.reason("bad")
    assert forecast.has_given_up(config(WORST))
    assert not forecast.has_given_up(config(BEST))
    assert not forecast.has_given_up(config(WORST, rank=4))
    forecast.learn("bad", config(WORST), scores(WORST, 4))
    assert forecast.reason("bad") == ""  # it has ended


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_best_order_is_not_given_up(length: int) -> None:
    forecast = Forecast(TASKS)
    for number, order in enumerate(order for order in ORDERS[::2] if order != BEST):
        forecast.learn(str(number), config(order), scores(order, 4))
    forecast.learn("best", config(BEST), scores(BEST, length))
    assert forecast.reason("best") == ""


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of scores after prefixes that the model's statistics are given, from now on."""
    added, add = list[int](), OrderStatistics.add

    def counting(statistics: OrderStatistics, observations: Iterable[Observation]) -> None:
        some = list(observations)
        added.append(len(some))
        add(statistics, some)

    monkeypatch.setattr(OrderStatistics, "add", counting)
    return added


def test_a_report_adds_its_own_scores_to_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the scores of all trials at each report, a sweep of 1,000 trials would spend an hour on them."""
    forecast, added = known(12), counted(monkeypatch)
    for length in (1, 2, 3):
        forecast.learn("middling", config(ORDERS[-1]), scores(ORDERS[-1], length))
        forecast.reason("middling")
    assert added == [12 * 4 + 1, 1, 1]
    forecast.learn("other", config(ORDERS[-1], rank=4), scores(ORDERS[-1], 2))  # not all have a rank: none counts
    forecast.reason("other")
    assert added[3:] == [2]


def test_settings_and_scores_that_change_what_is_known_have_it_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    forecast, added = Forecast(TASKS), counted(monkeypatch)
    for number, order in enumerate(ORDERS[:6]):
        forecast.learn(str(number), config(order, rank=2 + number % 2), scores(order, 4))
    forecast.learn("new", config(BEST, rank=2), scores(BEST, 1))
    forecast.reason("new")
    forecast.learn("new", config(BEST, rank=2), scores(BEST, 1, 0.5))
    forecast.reason("new")
    forecast.learn("wide", config(BEST, rank=8), scores(BEST, 1))
    forecast.reason("wide")
    assert added == [25, 25, 26]


@pytest.mark.parametrize("noisy", [False, True])
def test_a_forecast_is_the_same_whether_it_grew_or_knows_all_at_once(noisy: bool) -> None:
    grown = Forecast(TASKS, noisy=noisy)
    draw = random.Random(0)
    for number in range(40):
        order, rank, noise = draw.choice(ORDERS), draw.choice((2, 4)), draw.gauss(0.0, 0.5)
        for length in range(1, 5):
            grown.learn(str(number), config(order, rank=rank), scores(order, length, noise))
            if length < 4 and number >= LEAST:
                fresh = Forecast(TASKS, noisy=noisy, _walked=dict(grown._walked))
                one = grown._walked[str(number)]
                assert grown._outlook(one) == pytest.approx(fresh._outlook(one), rel=1e-9)


def test_before_some_trials_have_finished_none_is_given_up() -> None:
    forecast = known(LEAST - 1)
    forecast.learn("bad", config(WORST), scores(WORST, 3))
    assert forecast.reason("bad") == forecast.reason("unknown") == ""


def test_a_setting_that_costs_points_is_given_up_on_the_best_order() -> None:
    forecast = Forecast(TASKS)
    for number, order in enumerate(ORDERS[:16]):
        low = number % 2
        forecast.learn(str(number), config(order, rank=4 + 12 * low), scores(order, 4, -20.0 * low))
    forecast.learn("low", config(BEST, rank=16), scores(BEST, 1, -20.0))
    assert forecast.reason("low")


def test_of_trials_of_several_orders_nothing_is_known() -> None:
    forecast = Forecast(TASKS)
    both = TrialConfig(learner=config(BEST).learner, orders=(BEST, WORST), seeds=(0,))
    forecast.learn("both", both, scores(BEST, 4))
    assert forecast == Forecast(TASKS)
