"""The Gaussian-process sampler of orders, with plain Optuna."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import permutations
from typing import Literal

import optuna
import pytest

from atlas.config import space
from atlas.config.order_space import OrderSpace
from atlas.search.gaussian_process_sampler import REPLICATE, SCORES, GaussianProcessOrderSampler, order_in, prefix_name
from atlas.search.order_features import Order
from atlas.simulation.landscape import SyntheticLandscape

TASKS = ("a", "b", "c", "d", "e")


def study_of(
    tasks: Order = TASKS, *, direction: Literal["minimize", "maximize"] = "maximize", seed: int = 0
) -> optuna.Study:
    return optuna.create_study(direction=direction, sampler=GaussianProcessOrderSampler(tasks, seed=seed))


def walked(study: optuna.Study, value: Callable[[Order], float], trials: int, tasks: Order = TASKS) -> list[Order]:
    """The orders of so many trials."""
    orders = []
    for _ in range(trials):
        trial = study.ask()
        orders.append(space.suggest_order(trial, tasks))
        study.tell(trial, value(orders[-1]))
    return orders


def test_its_parameters_are_those_of_the_sweeps_space() -> None:
    assert prefix_name(()) == space.prefix_name(())
    assert prefix_name(("a", "b")) == space.prefix_name(("a", "b"))
    assert order_in(space.params_of(TASKS), TASKS) == TASKS


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_120_orders_is_found_in_a_quarter_of_them(seed: int) -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=seed)
    true = [landscape.final(order) for order in permutations(TASKS)]
    found = max(map(landscape.final, walked(study_of(seed=seed), landscape.final, 30)))
    assert max(true) - found <= 0.01 * (max(true) - min(true))


def test_a_minimised_study_goes_down() -> None:
    def place(order: Order) -> float:
        return float(order.index("d"))

    assert all(order[0] == "d" for order in walked(study_of(direction="minimize"), place, 16)[-3:])


def test_trials_asked_together_differ() -> None:
    study = study_of()
    walked(study, lambda order: float(order.index("d") + order.index("b") / 7), 10)
    assert len({space.suggest_order(study.ask(), TASKS) for _ in range(4)}) == 4


def test_an_enqueued_beginning_is_kept() -> None:
    study = study_of()
    walked(study, lambda order: float(order[0] == "a"), 8)
    study.enqueue_trial({prefix_name(()): "c", prefix_name(("c",)): "e"})
    assert space.suggest_order(study.ask(), TASKS)[:2] == ("c", "e")


def test_orders_of_nine_tasks_are_searched_from_the_best() -> None:
    tasks = tuple("abcdefghi")
    orders = walked(study_of(tasks), lambda order: -float(order.index("i")), 14, tasks)
    assert min(order.index("i") for order in orders[6:]) == 0


def test_a_study_repeats_itself_with_the_same_seed() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=1)
    first, again = (walked(study_of(seed=2), landscape.final, 9) for _ in range(2))
    assert first == again


def test_other_parameters_are_left_to_tpe() -> None:
    trial = study_of().ask()
    assert 0 <= trial.suggest_float("rate", 0, 1) <= 1


RATES = {"slow": 0.0, "fast": 6.0}


def with_settings(trial: optuna.Trial) -> tuple[Order, float]:
    """An order, and what its settings add: a choice and a number, best at 0.01, beside one that is not used."""
    rate, size = trial.suggest_categorical("rate", list(RATES)), trial.suggest_float("size", 1e-4, 1.0, log=True)
    trial.suggest_int("unused", 1, 3)
    return space.suggest_order(trial, TASKS), RATES[rate] - 2.0 * abs(math.log10(size) + 2.0)


def test_settings_are_found_together_with_the_order() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=1)
    best = max(map(landscape.final, permutations(TASKS)))
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessOrderSampler(TASKS, noisy=False))
    for _ in range(25):
        trial = study.ask()
        order, more = with_settings(trial)
        rows = [[score + more for score in landscape.scores(order[: place + 1])] for place in range(len(order))]
        trial.set_user_attr(SCORES, rows)
        study.tell(trial, landscape.final(order) + more)
    assert study.best_value > best + RATES["fast"] - 1.5
    assert len({one.params["rate"] for one in study.trials[15:]}) == 1


def test_no_pair_of_order_and_settings_is_tried_twice_while_another_is_left() -> None:
    tasks = ("a", "b", "c")
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessOrderSampler(tasks, noisy=False))
    pairs = []
    for _ in range(12):
        trial = study.ask()
        rate = trial.suggest_categorical("rate", list(RATES))
        pairs.append((rate, space.suggest_order(trial, tasks)))
        study.tell(trial, RATES[rate] + pairs[-1][1].index("c"))
    assert len(set(pairs)) >= 11  # the first trials, which do not know the settings yet, may repeat one


def test_settings_of_some_trials_alone_and_given_ones_are_taken() -> None:
    study = study_of()
    study.enqueue_trial({"rate": "slow", prefix_name(()): "c"})
    for number in range(8):
        trial = study.ask()
        rate = trial.suggest_categorical("rate", list(RATES))
        if number % 2:
            trial.suggest_float("sometimes", 0.0, 1.0)
        order = space.suggest_order(trial, TASKS)
        study.tell(trial, RATES[rate] + order.index("e"))
    assert study.trials[0].params["rate"] == "slow"
    assert study.trials[0].params[prefix_name(())] == "c"
    study.enqueue_trial({"rate": "slow"})
    assert study.ask().suggest_categorical("rate", list(RATES)) == "slow"


def told(study: optuna.Study, landscape: SyntheticLandscape, way: str, trials: int) -> float:
    """The best true value of so many trials, which tell the scores after their prefixes by task, by mean, or not."""
    best = 0.0
    for _ in range(trials):
        trial = study.ask()
        order = space.suggest_order(trial, TASKS)
        rows = [landscape.scores(order[: place + 1]) for place in range(len(order))]
        if way == "by task":
            trial.set_user_attr(SCORES, rows)
        for count, row in enumerate(rows, start=1):
            if way == "by mean":
                trial.report(sum(row) / count, step=count)
        study.tell(trial, landscape.final(order))
        best = max(best, landscape.final(order))
    return best


@pytest.mark.parametrize(("way", "trials"), [("by task", 12), ("by mean", 15), ("not", 25)])
def test_scores_after_prefixes_save_trials(way: str, trials: int) -> None:
    """Of 120 orders, over four landscapes; the first order is drawn at random."""
    regrets = []
    for seed in range(4):
        landscape = SyntheticLandscape(tasks=TASKS, seed=seed)
        true = [landscape.final(order) for order in permutations(TASKS)]
        regrets.append((max(true) - told(study_of(seed=seed), landscape, way, trials)) / (max(true) - min(true)))
    assert max(regrets) <= 0.01


def test_reports_of_another_measure_than_the_value_are_left_out() -> None:
    """Their last is not the trial's value: reports of a loss, say."""
    reporting, silent = study_of(), study_of()
    for study in (reporting, silent):
        for number in range(8):
            trial = study.ask()
            order = space.suggest_order(trial, TASKS)
            if study is reporting:
                trial.report(100.0 * number, step=len(order))
            study.tell(trial, float(order.index("d")))
    assert [one.params for one in reporting.trials] == [one.params for one in silent.trials]


def test_scores_of_pruned_trials_count() -> None:
    """All trials that begin with a are pruned after it, with a score far below the others'."""
    study = study_of()
    for number in range(10):
        trial = study.ask()
        order = space.suggest_order(trial, TASKS)
        rows = [[10.0 if "a" in order[:1] else 50.0 + number / 100] * (place + 1) for place in range(5)]
        trial.set_user_attr(SCORES, rows[: 1 if order[0] == "a" else 5])
        if order[0] == "a":
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, rows[-1][0])
    begun = [trial.params[prefix_name(())] for trial in study.trials]
    assert begun.count("a") <= 2


def test_a_certain_value_is_not_tried_again_while_another_is_left() -> None:
    tasks = ("a", "b", "c", "d")
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessOrderSampler(tasks, seed=0, noisy=False))
    orders = walked(study, lambda order: float(order.index("c")), 26, tasks)
    assert len(set(orders[:24])) == 24


def test_promising_orders_are_tried_again_where_values_are_noisy() -> None:
    """The best order by its true value is recommended although others were luckier once."""
    draw = random.Random(3)
    study = study_of()
    orders = walked(study, lambda order: 4.0 * order.index("d") + draw.gauss(0.0, 2.0), 40)
    model = study.sampler.model(study)  # type: ignore[attr-defined]
    assert model.recommended[-1] == "d"
    assert 1.0 < model.noise < 9.0
    assert max(orders.count(order) for order in set(orders)) >= 3


def test_a_space_under_constraints_is_kept_to() -> None:
    limited = OrderSpace(TASKS, before=(("d", "a"), ("b", "a")), last=("c",))
    sampler = GaussianProcessOrderSampler(TASKS, seed=0, noisy=False, choices=limited.choices)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    found = []
    for _ in range(limited.count()):
        trial = study.ask()
        found.append(limited.suggest(trial))
        study.tell(trial, float(found[-1].index("e")))
    assert sorted(found) == sorted(limited.orders())


def test_long_orders_under_constraints_are_searched() -> None:
    tasks = tuple("abcdefghij")
    limited = OrderSpace(tasks, before=(("i", "a"), ("c", "b")), last=("j",))
    sampler = GaussianProcessOrderSampler(tasks, seed=0, noisy=False, choices=limited.choices)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(4):
        trial = study.ask()
        order = limited.suggest(trial)
        study.tell(trial, float(order.index("e")))
    assert len(study.trials) == 4


@pytest.mark.parametrize("tasks", [("a",), ("a", "a")])
def test_tasks_that_have_no_orders_are_refused(tasks: Order) -> None:
    with pytest.raises(ValueError, match="give two or more different tasks"):
        GaussianProcessOrderSampler(tasks)


def test_each_replicate_of_an_order_is_taken_once_and_none_of_one_that_was_pruned() -> None:
    tasks, pruned = ("a", "b", "c"), ("c", "a", "b")
    sampler = GaussianProcessOrderSampler(tasks, replicates=2)
    study, walks = optuna.create_study(direction="maximize", sampler=sampler), []
    for _ in range(11):
        trial = study.ask()
        order = space.suggest_order(trial, tasks)
        walks.append((order, trial.suggest_int(REPLICATE, 0, 1)))
        if order == pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, float(order.index("a")) + random.Random(str(walks[-1])).gauss(0.0, 0.3))
    assert len(set(walks)) == 11
    assert [replicate for order, replicate in walks if order == pruned] == [0]


def test_a_number_of_replicates_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="replicates=0; give 1 or more"):
        GaussianProcessOrderSampler(TASKS, replicates=0)
