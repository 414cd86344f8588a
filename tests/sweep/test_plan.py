from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import (
    AdapterFusion,
    FineTuning,
    HeadOnly,
    Joint,
    Learner,
    Replay,
    Schedule,
    SingleTaskAdapters,
    TwoStage,
)
from atlas.search.proposals import Proposals, foresee
from atlas.steps import step as step_module
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, Step, StepInputs
from atlas.steps.walk import Walk
from atlas.storage.step_result import StepCost, StepResult
from atlas.sweep.plan import Pace, Plan, measured_pace, plan

TASKS = ("a", "b", "c", "d")
AROUND = StepInputs(backbone="b", data={task: task for task in TASKS}, evaluation=Evaluation(val=30, test=60))
SCHEDULE = Schedule(steps=10, batch_size=8)
ATLAS = TwoStage(experience=SCHEDULE, expansion=SCHEDULE)
ONE_STAGE = replace(ATLAS, experience=None)
PACE = Pace(per_record=0.01, at_once=2, sizes=dict.fromkeys(TASKS, 100), startup=5.0)


def walks(learner: Learner, *seeds: int) -> list[list[Walk]]:
    """A trial for each of the 24 orders, walked once a seed."""
    return [[Walk(order=order, learner=learner, seed=seed) for seed in seeds or (0,)] for order in permutations(TASKS)]


def planned(trials: list[list[Walk]], references: list[Walk] | None = None, stored: set[str] | None = None) -> Plan:
    proposals = Proposals(trials=trials, count=len(trials), exact=True)
    return plan(proposals, references or [], WalkGraph(AROUND), stored=stored or set(), pace=PACE)


def test_all_orders_of_four_tasks_are_96_trainings_but_64_distinct_steps() -> None:
    found = planned(walks(ONE_STAGE))
    assert (found.trials, found.trainings, found.distinct) == (24, 96, 64)


def test_with_both_stages_64_steps_still_end_a_task() -> None:
    steps = {step.key: step for trial in walks(ATLAS) for stages in trial[0].steps(AROUND) for step in stages}
    assert sum(step.stage.last for step in steps.values()) == 64
    assert planned(walks(ATLAS)).distinct == 64 + 60


@pytest.mark.parametrize("learner", [SingleTaskAdapters(like=ATLAS), HeadOnly(schedule=SCHEDULE)])
def test_all_orders_of_lone_learners_are_as_many_steps_as_tasks(learner: Learner) -> None:
    found = planned(walks(learner))
    assert (found.trainings, found.distinct) == (96, 4)


def test_all_orders_of_joint_training_are_as_many_steps_as_sets_of_tasks() -> None:
    found = planned(walks(Joint(schedule=SCHEDULE)))
    assert (found.trainings, found.distinct) == (96, 15)


def test_all_orders_of_compositions_are_one_for_each_task_and_set_before_it() -> None:
    learner = AdapterFusion(like=ATLAS, composition=SCHEDULE)
    assert planned(walks(learner)).distinct == 4 + 4 * 7


def estimated(learner: Learner, seen: int, count: int = 24) -> Plan:
    """The plan of `count` trials, of which the first are foreseen."""
    proposals = Proposals(trials=walks(learner)[:seen], count=count, exact=False)
    return plan(proposals, [], WalkGraph(AROUND), stored=set(), pace=PACE)


def test_trials_that_are_not_foreseen_are_taken_to_be_like_the_latter_half_of_those_that_are() -> None:
    found, seen, half = (estimated(ONE_STAGE, number, count) for number, count in ((12, 24), (12, 12), (6, 6)))
    assert (found.trials, found.foreseen, found.exact) == (24, 12, False)
    assert found.trainings == 96
    assert found.distinct == seen.distinct + 2 * (seen.distinct - half.distinct)
    assert found.work == pytest.approx(seen.work + 2 * (seen.work - half.work))
    assert found.seconds > seen.seconds


def test_steps_that_all_trials_share_are_estimated_exactly() -> None:
    alone = SingleTaskAdapters(like=ATLAS)
    assert estimated(alone, 12) == replace(planned(walks(alone)), foreseen=12, exact=False)


def test_all_orders_of_seven_tasks_are_planned_by_hashing_each_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are 13,699 prefixes of them, of which all but the 7 first have a step of both stages."""
    tasks, hashed = tuple("abcdefg"), list[str]()
    whole = step_module.text_sha256
    monkeypatch.setattr(step_module, "text_sha256", lambda text: hashed.append(text) or whole(text))
    experiment = Experiment(
        sweep=Sweep(name="order", question="?", searches_orders=True), options=Options.of(tasks=tasks, orders=("all",))
    )
    graph = WalkGraph(StepInputs(backbone="b", data={task: task for task in tasks}))
    found = plan(foresee(experiment), [], graph, stored=set(), pace=PACE)
    assert (found.trials, found.trainings, found.distinct) == (5040, 5040 * 13, 2 * 13699 - 7)
    assert len(hashed) == len(set(hashed)) == found.distinct


def test_a_joint_step_is_estimated_by_all_that_it_learns() -> None:
    one, both = (steps[0] for steps in Walk(order=("a", "b"), learner=Joint(schedule=SCHEDULE), seed=0).steps(AROUND))
    assert PACE.one(both) == pytest.approx(2 * PACE.one(one))


def test_seeds_share_nothing() -> None:
    assert planned(walks(ONE_STAGE, 0, 1)).distinct == 128


def test_lone_references_cost_nothing_beside_all_orders() -> None:
    lone = [Walk(order=(task,), learner=ATLAS, seed=0) for task in TASKS]
    assert planned(walks(ATLAS), lone).distinct == planned(walks(ATLAS)).distinct


def test_what_is_in_the_store_is_not_trained() -> None:
    (first,) = walks(ATLAS)[0][0].steps(AROUND)[0]
    found = planned(walks(ATLAS), stored={first.key, "another sweep's"})
    assert (found.stored, found.missing) == (1, 123)
    assert found.as_facts().in_store == 1


def test_nothing_to_train_takes_no_time() -> None:
    keys = {step.key for trial in walks(ATLAS) for stages in trial[0].steps(AROUND) for step in stages}
    assert planned(walks(ATLAS), stored=keys).seconds == 0


def test_the_estimate_grows_with_the_work_and_shrinks_with_the_fleets() -> None:
    step = Walk(order=("a",), learner=ATLAS, seed=0).steps(AROUND)[0][0]
    one = PACE.one(step)
    assert one == pytest.approx(0.01 * (10 * 8 + (30 + 60) / 3))
    assert PACE.seconds([step] * 6) == pytest.approx(5 + 6 * one / 2)
    assert replace(PACE, at_once=4).seconds([step] * 6) == pytest.approx(5 + 6 * one / 4)
    assert replace(PACE, per_record=0.02).one(step) == pytest.approx(2 * one)


def test_epochs_are_counted_by_the_size_of_the_task() -> None:
    learner = TwoStage(expansion=Schedule(epochs=2, batch_size=10))
    step = Walk(order=("a",), learner=learner, seed=0).steps(AROUND)[0][0]
    scored = 0.01 * 90 / 3
    assert PACE.one(step) - scored == pytest.approx(0.01 * 200)
    assert replace(PACE, sizes={"a": 1000}).one(step) - scored == pytest.approx(0.01 * 2000)


def test_later_steps_cost_more_since_all_tasks_seen_are_scored() -> None:
    stages = Walk(order=("a", "b", "c"), learner=ONE_STAGE, seed=0).steps(AROUND)
    costs = [PACE.one(steps[-1]) for steps in stages]
    assert costs == sorted(costs)
    assert costs[0] < costs[2]


def test_a_task_of_four_choices_costs_four_times_as_much() -> None:
    step = Walk(order=("a",), learner=ATLAS, seed=0).steps(AROUND)[0][0]
    assert replace(PACE, loads={"a": 4.0, "b": 9.0}).one(step) == pytest.approx(4 * PACE.one(step))


def test_what_is_rehearsed_is_counted_from_the_second_task_on() -> None:
    schedule = Schedule(steps=10, batch_size=8)
    tuned, replayed = (
        Walk(order=("a", "b"), learner=learner, seed=0).steps(AROUND)
        for learner in (FineTuning(schedule=schedule), Replay(schedule=schedule))
    )
    assert PACE.one(replayed[0][0]) == PACE.one(tuned[0][0])
    assert PACE.one(replayed[1][0]) - PACE.one(tuned[1][0]) == pytest.approx(0.01 * 10 * 8)


def result_of(step: Step, seconds: float, *, records: int = 100) -> StepResult:
    return StepResult(step=step.describe(), cost=StepCost(learning=seconds), records=records)


def test_the_pace_is_the_median_of_what_was_measured() -> None:
    step = walks(ATLAS)[0][0].steps(AROUND)[0][0]
    facts = [result_of(step, seconds) for seconds in (1.0, 3.0, 50.0)]
    assert measured_pace(facts, fallback=9.0) == 0.03
    assert measured_pace(facts, fallback=9.0, loads={"a": 3.0}) == pytest.approx(0.01)
    assert measured_pace([result_of(step, 0.1, records=0)], fallback=9.0) == 9.0
    assert measured_pace([], fallback=9.0) == 9.0
