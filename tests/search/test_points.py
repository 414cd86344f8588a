from __future__ import annotations

from typing import Any

import optuna
import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import TwoStage
from atlas.runtime.errors import UserError
from atlas.search.points import check_points
from atlas.search.proposals import foresee


def learner(trial: optuna.Trial, options: Options) -> TwoStage:
    kind = trial.suggest_categorical("adapter", ["bottleneck", "lora"])
    rank = trial.suggest_int("rank", 2, 16, step=2)
    trial.suggest_float("rate", 1e-4, 1e-2, log=True)
    return TwoStage(adapter=kind, rank=rank)


def experiment(*points: dict[str, Any], **more: Any) -> Experiment:
    sweep = Sweep(name="mine", question="?", **{"learner": learner, "trials": 3, "points": points, **more})
    return Experiment(sweep=sweep, options=Options.of(tasks=("a", "b")))


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"rnk": 4}, "unknown parameter in point 2 of the sweep mine 'rnk'. Did you mean 'rank'"),
        (
            {"adapter": "loar"},
            "fails: ValueError: 'loar' not in ('bottleneck', 'lora')",
        ),
        ({"rank": 32}, "point 2 of the sweep mine has rank=32; its space is IntDistribution(high=16"),
        ({"rank": 3}, "point 2 of the sweep mine has rank=3"),
        ({"rank": "4"}, "point 2 of the sweep mine has rank='4'"),
        ({"rate": 0.5}, "point 2 of the sweep mine has rate=0.5"),
        ({"rate": float("nan")}, "point 2 of the sweep mine"),
        ({"after nothing": "b"}, "unknown parameter in point 2 of the sweep mine 'after nothing'"),
    ],
)
def test_a_point_outside_the_space_is_refused_before_the_search(point: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        foresee(experiment({"rank": 4}, point))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_points_within_the_space_are_taken_whole_or_in_part() -> None:
    check_points(experiment({"rank": 16, "adapter": "lora", "rate": 1e-2}, {"rate": 1e-4}, {}))


def test_points_may_name_the_next_task_where_orders_are_searched() -> None:
    check_points(experiment({"after nothing": "b", "rank": 2}, searches_orders=True))


@pytest.mark.parametrize("points", [(), ({"rank": 2}, {"rank": 4})])
def test_choices_that_change_from_trial_to_trial_are_refused_before_the_search(
    points: tuple[dict[str, Any], ...],
) -> None:
    def dynamic(trial: optuna.Trial, options: Options) -> TwoStage:
        return TwoStage(rank=trial.suggest_categorical("rank", [2, 4, 8 + trial.number]))

    with pytest.raises(UserError, match="CategoricalDistribution does not support dynamic value space") as refused:
        foresee(experiment(*points, learner=dynamic))
    was_and_is = "the parameter 'rank' was the choices 2, 4, 8 and is the choices 2, 4, 9 in trial 1"
    assert was_and_is in str(refused.value)
