from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import optuna
import pytest

from atlas.config.experiment import Experiment
from atlas.config.learners import DEFAULT_STEPS, base_learner
from atlas.config.options import Options
from atlas.config.search import TASKS
from atlas.config.sweep import SMOKE, Sweep
from atlas.config.trial import trial_config_from
from atlas.learners import HeadOnly, TwoStage
from atlas.runtime.errors import AtlasError

ORDERS = Sweep(name="orders", question="Which?", searches_orders=True, trials=12)
SETTINGS = Sweep(name="settings", question="Which?", trials=5)
TRIAL = optuna.trial.FixedTrial({"after nothing": "b"})


def test_the_base_learner_takes_rank_and_schedule_of_the_options() -> None:
    plain = base_learner(Options().training)
    assert plain.expansion == plain.experience
    assert plain.expansion.steps == DEFAULT_STEPS
    given = base_learner(Options.of(rank=3, epochs=2.0, batch_size=16, learning_rate=1e-4).training)
    assert (given.rank, given.expansion.steps, given.expansion.epochs) == (3, None, 2.0)
    assert (given.expansion.batch_size, given.expansion.learning_rate) == (16, 1e-4)
    assert base_learner(Options.of(steps=7, epochs=2.0).training).expansion.steps == 7


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 12),
        ({"trials": 3}, 3),
        ({"orders": ("5",)}, 5),
        ({"orders": ("all",)}, 24),
        ({"orders": ("99",)}, 24),
        ({"trials": 99}, 24),
        ({"orders": (",".join(TASKS),)}, 1),
        ({"tasks": ("digits", "easy-vqa")}, 2),
    ],
)
def test_a_search_over_orders_has_no_more_trials_than_orders(options: dict[str, Any], count: int) -> None:
    assert Experiment(sweep=ORDERS, options=Options.of(**options)).trial_count() == count


def test_a_search_over_settings_walks_the_same_orders_in_each_trial() -> None:
    assert Experiment(sweep=SETTINGS, options=Options()).trial_count() == 5
    assert Experiment(sweep=SETTINGS, options=Options.of(trials=2, orders=("all",))).trial_count() == 2
    assert Experiment(sweep=SETTINGS, options=Options()).orders() == (TASKS, TASKS[::-1])
    assert len(Experiment(sweep=SETTINGS, options=Options.of(orders=("4",))).orders()) == 4
    assert Experiment(sweep=SETTINGS, options=Options.of(orders=(",".join(TASKS),))).orders() == (TASKS,)
    assert Experiment(sweep=SETTINGS, options=Options.of(tasks=("digits",))).orders() == (("digits",),)


def test_all_orders_may_be_walked_by_each_trial() -> None:
    assert sorted(Experiment(sweep=SETTINGS, options=Options.of(orders=("all",))).orders()) == sorted(
        permutations(TASKS)
    )


@pytest.mark.parametrize("orders", [("0",), ("few",), ("1", "2"), ("-3",), (",".join(TASKS), "3")])
def test_a_number_of_orders_that_is_none_is_refused(orders: tuple[str, ...]) -> None:
    message = "give a number of 1 or more, `all`, or orders written"
    with pytest.raises(AtlasError, match=message):
        Experiment(sweep=ORDERS, options=Options.of(orders=orders, trials=3)).trial_count()
    with pytest.raises(AtlasError, match=message):
        Experiment(sweep=SETTINGS, options=Options.of(orders=orders)).orders()


def test_a_proposal_is_plain_values() -> None:
    options = Options.of(tasks=("a", "b"), seeds=(1, 2))
    found = Experiment(sweep=ORDERS, options=options, precision="bfloat16").propose(TRIAL)  # type: ignore[arg-type]
    plain = found.to_tune()
    assert json.loads(json.dumps(plain)) == plain
    assert trial_config_from(plain) == found
    assert (found.orders, found.seeds) == ((("b", "a"),), (1, 2))
    assert found.learner == base_learner(options.training).at_precision("bfloat16")


def test_references_are_each_task_alone_once_a_seed() -> None:
    options = Options.of(tasks=("a", "b"), seeds=(1, 2), steps=10)
    found = Experiment(sweep=ORDERS, options=options).references()
    assert set(found) == {"lone", "head_only", "untrained"}
    for walks in found.values():
        assert [(walk.order, walk.seed) for walk in walks] == [(("a",), 1), (("b",), 1), (("a",), 2), (("b",), 2)]
    schedules = {name: walks[0].learner.stages(0)[0].schedule for name, walks in found.items()}
    assert {name: schedule.steps for name, schedule in schedules.items()} == {
        "lone": 10,
        "head_only": 20,
        "untrained": 0,
    }


def test_the_head_alone_has_twice_the_epochs_too() -> None:
    found = Experiment(sweep=ORDERS, options=Options.of(epochs=3.0)).references()
    assert found["head_only"][0].learner.stages(0)[0].schedule.epochs == 6.0


def test_a_reference_is_learnt_at_the_precision_of_the_trials() -> None:
    found = Experiment(sweep=ORDERS, options=Options(), precision="bfloat16").references()
    assert {walks[0].learner.stages(0)[0].schedule.precision for walks in found.values()} == {"bfloat16"}


def test_a_smoke_run_is_small_but_keeps_what_was_asked_for() -> None:
    small = ORDERS.smoke(Options.of(smoke=True))
    assert small == Options.of(smoke=True, tasks=SMOKE.search.tasks, steps=8, evaluate=(64, 64), trials=2)
    asked = Options.of(smoke=True, tasks=("digits",), steps=3, trials=1, evaluate=(5, 5))
    assert ORDERS.smoke(asked) == asked


def test_a_learner_of_its_own_is_asked() -> None:
    sweep = replace(SETTINGS, learner=lambda trial, options: TwoStage(rank=options.training.rank + 1))
    found = Experiment(sweep=sweep, options=Options.of(tasks=("a", "b"), rank=4)).propose(TRIAL)  # type: ignore[arg-type]
    assert found.learner.settings()["rank"] == 5


def test_a_search_over_orders_learns_by_the_learner_that_is_named() -> None:
    found = Experiment(sweep=ORDERS, options=Options.of(tasks=("a", "b"), learner="ewc")).propose(TRIAL)  # type: ignore[arg-type]
    assert found.learner.name == "ewc"
    Experiment(sweep=ORDERS, options=Options.of(learner="ewc")).check()


def test_a_learner_that_is_none_or_of_no_use_is_refused() -> None:
    with pytest.raises(AtlasError, match="unknown learner 'ewcc'. Did you mean 'ewc'"):
        Experiment(sweep=ORDERS, options=Options.of(learner="ewcc")).check()
    chosen = replace(SETTINGS, learner=lambda trial, options: TwoStage())
    with pytest.raises(AtlasError, match="--learner ewc: the sweep settings chooses its learners itself"):
        Experiment(sweep=chosen, options=Options.of(learner="ewc")).check()
    Experiment(sweep=chosen, options=Options()).check()
    Experiment(sweep=chosen, options=Options.of(learner="atlas-normalised")).check()


def test_a_smoke_run_tries_every_point() -> None:
    pointed = replace(SETTINGS, points=({"x": 1}, {"x": 2}, {"x": 3}), trials=3)
    assert pointed.smoke(Options.of(smoke=True)).search.trials == 3
    assert pointed.smoke(Options.of(smoke=True, trials=1)).search.trials == 1


def test_points_that_do_not_suit_the_options_are_left_out() -> None:
    pointed = replace(
        SETTINGS,
        points=({"x": 1}, {"x": 2}, {"x": 3}),
        trials=4,
        suits=lambda point, options: point["x"] != options.training.rank,
    )
    for rank, left in ((2, [{"x": 1}, {"x": 3}]), (9, list(pointed.points))):
        options = Options.of(rank=rank)
        experiment = Experiment(sweep=pointed, options=options)
        assert [*experiment.points()] == left
        assert [*experiment.left_out()] == [point for point in pointed.points if point not in left]
        assert experiment.trial_count() == len(left) + 1
        assert pointed.smoke(options.changed(smoke=True)).search.trials == len(left)
    assert Experiment(sweep=pointed, options=Options.of(rank=2, trials=7)).trial_count() == 7


def test_unseen_tasks_are_learnt_by_atlas_alone() -> None:
    options = Options.of(tasks=("a", "b"), downstream=("c",), learner="ewc")
    with pytest.raises(AtlasError, match="--downstream with the learner 'ewc': unseen tasks are trained as 'atlas'"):
        Experiment(sweep=ORDERS, options=options).check()
    Experiment(sweep=ORDERS, options=options.changed(learner="atlas")).check()
    chosen = replace(SETTINGS, learner=lambda trial, options: HeadOnly())
    with pytest.raises(AtlasError, match="--downstream with the learner 'head-only'"):
        Experiment(sweep=chosen, options=options.changed(learner="atlas")).propose(TRIAL)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"trials": 3, "orders": ("5",)},
        {"trials": 3, "orders": ("all",)},
        {"trials": 3, "orders": (",".join(TASKS), ",".join(TASKS[::-1]))},
    ],
)
def test_two_numbers_of_orders_that_differ_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(AtlasError, match="--trials is 3 and --orders asks for .* give one of the two"):
        Experiment(sweep=ORDERS, options=Options.of(**options)).check()
    Experiment(sweep=SETTINGS, options=Options.of(**options)).check()  # there they are two things


def test_the_same_number_said_twice_is_no_contradiction() -> None:
    assert Experiment(sweep=ORDERS, options=Options.of(trials=5, orders=("5",))).trial_count() == 5


@pytest.mark.parametrize("options", [{"orders": ("100",)}, {"trials": 100}])
def test_the_plan_says_where_more_orders_are_asked_for_than_there_are(options: dict[str, Any]) -> None:
    said = Experiment(sweep=ORDERS, options=Options.of(**options)).orders_in_words()
    assert said == "24 of 24 (100 are asked for; there are no more)"


def test_a_smoke_run_walks_as_many_orders_as_were_asked_for() -> None:
    small = ORDERS.smoke(Options.of(smoke=True, tasks=TASKS[::-1], orders=("5",)))
    assert Experiment(sweep=ORDERS, options=small).trial_count() == 5
    written = ORDERS.smoke(Options.of(smoke=True, tasks=TASKS[::-1], orders=(",".join(TASKS),)))
    assert Experiment(sweep=ORDERS, options=written).trial_count() == 1


@pytest.mark.parametrize("order", [TASKS, TASKS[::-1], SMOKE.search.tasks, SMOKE.search.tasks[::-1]])
def test_a_smoke_run_of_written_orders_has_the_tasks_that_they_are_orders_of(order: tuple[str, ...]) -> None:
    small = ORDERS.smoke(Options.of(smoke=True, orders=(", ".join(order),)))
    Experiment(sweep=ORDERS, options=small).check()
    assert set(small.search.tasks) == set(order)
    assert small.training.steps == SMOKE.training.steps


def test_a_smoke_run_of_a_suite_keeps_its_tasks() -> None:
    small = ORDERS.smoke(Options.of(smoke=True, suite="mtil-twin", orders=("II",)))
    resolved = replace(small, search=small.search.resolved())
    Experiment(sweep=ORDERS, options=resolved).check()
    assert resolved.search.tasks[0] == "aircraft-twin"
    assert resolved.training.steps == SMOKE.training.steps
    with pytest.raises(AtlasError, match="with --suite, its orders by name, too"):
        Experiment(sweep=ORDERS, options=Options.of(orders=("II",))).check()


def test_a_smoke_run_of_orders_of_other_tasks_says_what_is_missing() -> None:
    small = ORDERS.smoke(Options.of(smoke=True, orders=("digits,piqa-twin",)))
    with pytest.raises(AtlasError, match="leaves out easy-vqa, easy-ve; name every task, or leave it out of --tasks"):
        Experiment(sweep=ORDERS, options=small).check()
    asked = ORDERS.smoke(Options.of(smoke=True, tasks=("digits", "piqa-twin"), orders=("digits,piqa-twin",)))
    Experiment(sweep=ORDERS, options=asked).check()


def test_what_is_named_beside_smoke_stays_though_it_is_what_the_sweep_usually_has() -> None:
    given = Options.of(smoke=True)
    small = ORDERS.smoke(given, named={"tasks", "evaluate"})
    assert (small.search.tasks, small.training.evaluate) == (given.search.tasks, given.training.evaluate)
    assert ORDERS.smoke(given).search.tasks != given.search.tasks
