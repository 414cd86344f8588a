"""Held-out orders: drawn from those that no trial took, once all trials have ended."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.space import Order
from atlas.config.sweep import Sweep
from atlas.config.sweep_check import check_sweep
from atlas.config.trial import TrialConfig
from atlas.learners import Schedule, TwoStage
from atlas.report.summary import HeldOut, OrderAccuracies, SplitScore
from atlas.runtime.errors import UserError
from atlas.search.trial_record import TrialRecord
from atlas.simulation import SyntheticLandscape
from atlas.steps.graph import WalkGraph
from atlas.steps.step import StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult
from atlas.sweep.held_out import best_trial, held_out_scores, held_out_walks

TASKS = ("digits", "easy-ve", "piqa-twin")
NINE = ("vqa", "nlvr2", "snli-ve", "vcr", "inaturalist", "places365")
LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1))
ORDERS = tuple(permutations(TASKS))


def experiment(held_out: int, trials: int) -> Experiment:
    sweep = Sweep(name="both", question="", searches_orders=True, held_out=held_out)
    return Experiment(sweep=sweep, options=Options.of(tasks=TASKS, trials=trials))


def trial(number: int, order: Order, objective: float | None, rank: int = 4) -> TrialRecord:
    config = TrialConfig(learner=replace(LEARNER, rank=rank), orders=(order,), seeds=(0,))
    status = "FAILED" if objective is None else "FINISHED"
    return TrialRecord(f"t{number}", config, status=status, objective=objective)  # type: ignore[arg-type]


TRIALS = [trial(0, ORDERS[0], 50.0), trial(1, ORDERS[1], 70.0, rank=8), trial(2, ORDERS[2], None)]


def test_the_setting_of_the_best_trial_walks_orders_that_no_trial_took() -> None:
    walks = held_out_walks(experiment(held_out=2, trials=3), TRIALS)
    assert len({walk.order for walk in walks}) == 2
    assert not {walk.order for walk in walks} & set(ORDERS[:3])
    assert {walk.learner for walk in walks} == {TRIALS[1].config.learner}
    assert walks == held_out_walks(experiment(held_out=2, trials=3), TRIALS)  # a resumed run finds the same


def test_there_are_none_before_all_trials_have_ended_or_without_any_order_left() -> None:
    assert held_out_walks(experiment(held_out=2, trials=4), TRIALS) == []
    assert held_out_walks(experiment(held_out=0, trials=3), TRIALS) == []
    all_of_them = [trial(number, order, 50.0) for number, order in enumerate(ORDERS)]
    assert held_out_walks(experiment(held_out=2, trials=6), all_of_them) == []
    assert best_trial([TRIALS[2]]) is None


@pytest.mark.parametrize("tasks", [TASKS, (*TASKS, "easy-vqa", *(f"{name}-twin" for name in NINE))])
def test_held_out_subsets_have_their_size_and_scores_relative_to_each_task_alone(tasks: Order) -> None:
    both = experiment(held_out=2, trials=1)
    both = replace(both, options=both.options.changed(tasks=tasks, subset_size=2, trials=1))
    walks = held_out_walks(both, [trial(0, tasks[:2], 50.0)])
    assert {len(walk.order) for walk in walks} == {2}
    assert not {walk.order for walk in walks} & {tasks[:2]}
    landscape = SyntheticLandscape(tasks=tasks)
    alone = {0: {task: SplitScore(val=50.0, test=50.0) for task in tasks}}
    found = held_out_scores([trial(0, tasks[:2], 50.0)], {"t0": []}, [walked(walk, landscape) for walk in walks], alone)
    assert found is not None
    expected = [pytest.approx(2 * landscape.final(walk.order)) for walk in walks]  # in percent of 50
    assert list(found.held_out.accuracies) == expected


def walked(walk: Walk, landscape: SyntheticLandscape) -> WalkResult:
    """The walk with the results that its steps have in the landscape."""
    made = WalkResult(walk=walk, graph=WalkGraph(StepInputs(backbone="b", data={task: task for task in walk.order})))
    for step in made.every_step():
        made.add(step, landscape.result(step))
    return made


def test_the_gap_is_told() -> None:
    chosen = OrderAccuracies(orders=(ORDERS[1],), accuracies=(71.0,))
    held_out = OrderAccuracies(orders=ORDERS[3:5], accuracies=(69.0, 65.0))
    assert HeldOut(trial="t1", chosen_by=chosen, held_out=held_out).in_words() == (
        "the setting of trial t1 scores 71.0 % on 1 order that chose it, and 67.0 % on 2 held-out orders "
        "(worst 65.0 %): a gap of +4.0 points (test)"
    )
    relative = HeldOut(trial="t1", chosen_by=chosen, held_out=held_out).in_words("% of each task alone")
    assert relative.startswith("the setting of trial t1 scores 71.0 % of each task alone on 1 order")
    nothing = OrderAccuracies(orders=(), accuracies=())
    assert "no order was held out" in HeldOut(trial="t1", chosen_by=chosen, held_out=nothing).in_words()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"held_out": -1}, "held_out of the sweep x is -1; give a number of orders, or 0"),
        ({"held_out": 2}, "holds orders out, but every trial walks the same ones"),
        ({"objectives": ("flop",)}, "unknown objective of the sweep x 'flop'. Did you mean 'flops'?"),
    ],
)
def test_a_sweep_that_cannot_hold_orders_out_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as refused:
        check_sweep(Sweep(name="x", question="", **fields))  # type: ignore[arg-type]
    assert message in str(refused.value)


@pytest.mark.parametrize("tasks", [TASKS, (*TASKS, "easy-vqa", *(f"{name}-twin" for name in NINE))])
def test_held_out_orders_keep_to_the_constraints_of_the_sweep(tasks: Order) -> None:
    both = experiment(held_out=2, trials=1)
    both = replace(both, options=both.options.changed(tasks=tasks, before=("piqa-twin,digits",), trials=1))
    walks = held_out_walks(both, [trial(0, tasks[::-1], 50.0)])
    assert walks
    assert all(order.index("piqa-twin") < order.index("digits") for order in (one.order for one in walks))
