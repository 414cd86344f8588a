from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import optuna
import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.sweep_check import check_searched, check_sweep, goals
from atlas.config.training import check_numbers
from atlas.learners import AdapterFusion, Ewc, Learner, Schedule, TwoStage
from atlas.runtime.errors import UserError

SWEEP = Sweep(name="mine", question="Which?", trials=2)


def one_line(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as refused:
        act()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def proposed(learner: Callable[..., Any]) -> str:
    experiment = Experiment(sweep=replace(SWEEP, learner=learner), options=Options())
    return one_line(lambda: experiment.propose(optuna.create_study().ask()))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": ""}, "the sweep's name is ''; give a text that is not empty"),
        ({"name": None}, "the sweep's name is None"),
        ({"question": None}, "the question of the sweep mine is None; write a docstring at the top of its file"),
        ({"trials": 0}, "the trials of the sweep mine are 0; give a number of 1 or more"),
        ({"trials": -2}, "are -2"),
        ({"trials": "3"}, "are '3'"),
        ({"trials": 2.5}, "are 2.5"),
        ({"trials": True}, "are True"),
        ({"goal": "latest/average_acuracy"}, "Did you mean 'latest/average_accuracy'"),
        ({"goal": "newest/average_accuracy"}, "unknown goal of the sweep mine"),
        ({"goal": "latest/forgetting"}, "unknown goal of the sweep mine"),
        ({"goal": ""}, "unknown goal of the sweep mine"),
        ({"learner": None}, "the learner of the sweep mine is None; give a function learner(trial, options)"),
        ({"learner": lambda trial: TwoStage()}, "give a function learner(trial, options)"),
        ({"learner": TwoStage()}, "give a function learner(trial, options)"),
        ({"sampler": "tpe"}, "the sampler of the sweep mine is 'tpe'; give a function sampler(options)"),
        ({"suits": True}, "the suits of the sweep mine is True; give a function suits(point, options)"),
        ({"scheduler": 3}, "give a function scheduler(options)"),
        ({"defaults": {"steps": 3}}, "the defaults of the sweep mine are {'steps': 3}; give Options.of"),
        ({"small": None}, "the small of the sweep mine are None"),
        ({"points": {"rank": 4}}, "the points of the sweep mine are {'rank': 4}; give a tuple of dicts"),
        ({"points": (4,)}, "point 1 of the sweep mine is 4; give a dict"),
        ({"points": ({"a": 1}, {3: 1})}, "point 2 of the sweep mine is {3: 1}"),
        ({"points": lambda: ()}, "give a function points(options)"),
        ({"points": None}, "the points of the sweep mine are None"),
    ],
)
def test_a_definition_that_cannot_be_run_is_refused(changed: dict[str, Any], message: str) -> None:
    assert message in one_line(lambda: check_sweep(replace(SWEEP, **changed)))


@pytest.mark.parametrize("given", [None, Sweep, "mine", Options()])
def test_what_is_no_sweep_is_refused(given: object) -> None:
    assert "give an atlas.sweep.Sweep" in one_line(lambda: check_sweep(given))


def test_goals_are_figures_of_which_more_is_better() -> None:
    assert {"latest/average_accuracy", "latest/relative_accuracy", "downstream/mean"} <= set(goals())
    assert not any("forgetting" in goal.split("/") for goal in goals())
    for goal in goals():
        check_sweep(replace(SWEEP, goal=goal))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "the learner function of the sweep mine returned None; does it lack a `return`?"),
        (TwoStage, "returned the class TwoStage; call it: TwoStage(…)"),
        ("atlas", "returned 'atlas'; give a learner"),
        ({"rank": 4}, "returned {'rank': 4}; give a learner"),
        ((TwoStage(),), "returned (TwoStage("),
    ],
)
def test_what_the_function_returns_has_to_be_a_learner(returned: object, message: str) -> None:
    assert message in proposed(lambda trial, options: returned)


@pytest.mark.parametrize(
    "name", ["learner_settings", "orders", "seeds", "probes", "own_learner", "order", "after nothing", "after x"]
)
def test_parameters_that_reserved_names_would_hide_are_refused(name: str) -> None:
    def learner(trial: optuna.Trial, options: Options) -> TwoStage:
        return TwoStage(rank=trial.suggest_int(name, 1, 4))

    assert f"suggests a parameter named {name!r}, which would hide one" in proposed(learner)


def test_a_parameter_without_a_name_is_refused() -> None:
    assert "a parameter named ' '" in proposed(lambda trial, options: TwoStage(rank=trial.suggest_int(" ", 1, 4)))


@pytest.mark.parametrize("name", ["../x", "a/b", "50%", "[red]"])
def test_a_parameters_name_is_checked_against_all_that_it_becomes(name: str) -> None:
    said = proposed(lambda trial, options: TwoStage(rank=trial.suggest_int(name, 1, 4)))
    assert f"suggests a parameter named {name!r}; give one of letters" in said


RATE = Schedule(learning_rate=1e30, query_rate_factor=1.0)


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (lambda: TwoStage(rank=100_000), "returned TwoStage with rank 100000; give at most 8192"),
        (lambda: TwoStage(rank=2.5), "with rank 2.5; give a whole number"),  # type: ignore[arg-type]
        (lambda: TwoStage(rank=True), "with rank True; give a whole number"),
        (lambda: TwoStage(expansion=RATE), "with expansion: learning_rate 1e+30; give at most 100"),
        (lambda: TwoStage(expansion=Schedule(steps=10**22)), f"with expansion: steps {10**22}; give at most {10**8}"),
        (lambda: TwoStage(expansion=Schedule(steps=3.0)), "expansion: steps 3.0; give a whole"),  # type: ignore[arg-type]
        (lambda: TwoStage(expansion=Schedule(epochs=1e9)), "expansion: epochs 1000000000.0; give at most"),
        (lambda: AdapterFusion(like=TwoStage(rank=9000)), "with like: rank 9000; give at most 8192"),
    ],
)
def test_the_numbers_of_a_returned_learner_have_the_bounds_of_the_options(
    learner: Callable[[], Learner], message: str
) -> None:
    assert message in proposed(lambda trial, options: learner())


def test_a_number_that_is_none_is_refused_wherever_it_stands() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Part:
        pull: float = 1.0

    with pytest.raises(UserError, match="it has pull nan; give a number"):
        check_numbers(Part(pull=math.nan), "it has")
    check_numbers(Part(pull=math.inf), "it has")


def broken(trial: optuna.Trial, options: Options) -> TwoStage:
    return TwoStage(rank=options.rnk)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (broken, "AttributeError: 'Options' object has no attribute 'rnk'"),
        (lambda trial, options: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda trial, options: TwoStage(rnk=4), "TypeError: "),
        (lambda trial, options: trial.suggest_categorical("x", []), "ValueError: "),
        (lambda trial, options: [][2], "IndexError: list index out of range"),
    ],
)
def test_a_function_that_fails_says_where(learner: Callable[..., Any], message: str) -> None:
    said = proposed(learner)
    assert said.startswith("the learner function of the sweep mine fails: ")
    assert message in said
    line = int(said.partition(f" ({__file__}, line ")[2].removesuffix(")."))
    start, length = inspect.getsourcelines(learner)[1], len(inspect.getsourcelines(learner)[0])
    assert start <= line < start + length


def test_settings_that_a_learner_refuses_are_refused_as_it_says() -> None:
    assert proposed(lambda trial, options: Ewc(weight=-1.0)) == one_line(lambda: Ewc(weight=-1.0))


def test_an_option_that_the_sweep_searches_is_refused() -> None:
    sweep = replace(SWEEP, searched=("rank", "learning_rate"))
    check_searched(sweep, Options())
    with pytest.raises(UserError, match=r"--rank is 8, but the sweep .* searches it by itself; leave it out"):
        check_searched(sweep, Options.of(rank=8))
    with pytest.raises(UserError, match="--rank is 16"):
        check_searched(sweep, Options(), {"rank"})
    check_searched(replace(SWEEP, searched=()), Options.of(rank=8))


def test_a_searched_option_has_to_be_one() -> None:
    with pytest.raises(UserError, match="unknown searched option of the sweep .* 'rnk'"):
        check_sweep(replace(SWEEP, searched=("rnk",)))
