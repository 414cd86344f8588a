"""Landscapes: the scores of steps, known without training."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from atlas.config.learners import base_learner
from atlas.config.options import Options
from atlas.runtime.errors import AtlasError
from atlas.simulation import RecordedLandscape, SyntheticLandscape
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk

TASKS = ("a", "b", "c")
LEARNER = base_learner(Options().training)


def last_step(*order: str, seed: int = 0) -> Step:
    graph = WalkGraph(StepInputs(backbone="b", data={task: task for task in TASKS}))
    return graph.steps(Walk(order=order, learner=LEARNER, seed=seed))[-1][-1]


def test_the_mean_of_the_last_steps_scores_is_the_true_value_of_the_order() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=3)
    for order in permutations(TASKS):
        latest = landscape.result(last_step(*order)).scores.latest.val
        assert sum(latest.values()) / 3 == pytest.approx(landscape.final(order))


def test_orders_differ_and_another_landscape_has_other_scores() -> None:
    values = {order: SyntheticLandscape(tasks=TASKS, seed=3).final(order) for order in permutations(TASKS)}
    assert len(set(values.values())) == 6
    assert values != {order: SyntheticLandscape(tasks=TASKS, seed=4).final(order) for order in permutations(TASKS)}


def test_a_score_never_rises_while_later_tasks_are_trained_and_own_does_not_change() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=5)
    rows = [landscape.result(last_step(*TASKS[:length])).scores for length in (1, 2, 3)]
    for task, first in (("a", 0), ("b", 1)):
        latest = [row.latest.val[task] for row in rows[first:]]
        assert latest == sorted(latest, reverse=True)
        assert len({row.own.val[task] for row in rows[first:]}) == 1


def test_noise_belongs_to_the_seed_and_the_order_and_repeats() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, noise=2.0)
    assert landscape.result(last_step(*TASKS)) == landscape.result(last_step(*TASKS))
    assert landscape.result(last_step(*TASKS)) != landscape.result(last_step(*TASKS, seed=1))


def test_settings_have_the_effect_that_is_given() -> None:
    plain, raised = SyntheticLandscape(tasks=TASKS), SyntheticLandscape(tasks=TASKS, effect=lambda step: -5.0)
    before, after = (one.result(last_step("a")).scores.own.val["a"] for one in (plain, raised))
    assert after == pytest.approx(before - 5.0)


def test_a_task_of_another_landscape_is_refused_by_name() -> None:
    with pytest.raises(AtlasError, match="no task 'c'; it has a, b"):
        SyntheticLandscape(tasks=("a", "b")).result(last_step(*TASKS))


def test_a_recorded_landscape_gives_what_was_recorded_and_nothing_else() -> None:
    step, other = last_step("a"), last_step("b")
    result = SyntheticLandscape(tasks=TASKS).result(step)
    landscape = RecordedLandscape(results={step.key: result})
    assert landscape.result(step) == result
    with pytest.raises(AtlasError, match="was not recorded"):
        landscape.result(other)


def test_many_orders_have_the_values_of_each() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=3)
    numbers = np.array(list(permutations(range(len(TASKS)))))
    expected = [landscape.final([TASKS[number] for number in order]) for order in numbers]
    assert landscape.finals(numbers) == pytest.approx(expected)
