"""The course of a trial: one measure keeps its meaning from the first report to the last."""

from __future__ import annotations

from itertools import pairwise

import pytest

from atlas.learners import Schedule, TwoStage
from atlas.search.trial_course import CourseSetup, StepRequest, advance, course, single_task_scores
from atlas.search.trial_report import TrialReport, report_from
from atlas.simulation import SyntheticLandscape
from atlas.steps.beyond import Beyond
from atlas.steps.graph import WalkGraph
from atlas.steps.step import StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import AVERAGE, RELATIVE

TASKS = ("a", "b", "c")
INPUTS = StepInputs(backbone="x", data={task: task for task in TASKS})
LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1)).with_readout("similarity")
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=1)


def reports(
    order: tuple[str, ...], *others: Walk, beyond: Beyond | None = None, goal: str = AVERAGE
) -> list[TrialReport]:
    """The reports of a trial along that order, and along other walks."""
    graph = WalkGraph(INPUTS)
    single = [graph.steps(Walk(order=(task,), learner=LEARNER, seed=0))[-1][-1] for task in TASKS]
    setup = CourseSetup(
        step_inputs=INPUTS, single_task=single, aim="mean", goal=goal, figures=beyond is not None, zero_shot=single
    )
    steps, found = course([Walk(order=order, learner=LEARNER, seed=0, beyond=beyond), *others], setup), []
    said = advance(steps, None)
    while said is not None:
        if isinstance(said, TrialReport):
            found.append(said)
            said = advance(steps, None)
        else:
            said = advance(steps, [LANDSCAPE.result(step) for step in said.steps])
    return found


def test_each_report_has_the_relative_accuracy_after_each_task_so_far() -> None:
    found = reports(TASKS)
    assert [len(report.learnt) for report in found] == [1, 2, 3]
    assert all(later.learnt[: len(earlier.learnt)] == earlier.learnt for earlier, later in pairwise(found))
    assert found[0].learnt == [pytest.approx(100.0)]  # the task alone
    assert [report.objective for report in found[:-1]] == [report.learnt[-1] for report in found[:-1]]
    assert found[-1].objective == pytest.approx(LANDSCAPE.final(TASKS))  # the goal, of another meaning
    assert found[-1].learnt[-1] != pytest.approx(found[-1].objective)


def test_a_task_whose_reference_failed_counts_what_it_scores_in_all_trials_alike() -> None:
    graph = WalkGraph(INPUTS)
    single = [graph.steps(Walk(order=(task,), learner=LEARNER, seed=0))[-1][-1] for task in TASKS]
    known = [None if step.task == "b" else LANDSCAPE.result(step) for step in single]
    assert set(single_task_scores(single, known).val) == {"a", "c"}
    setup = CourseSetup(step_inputs=INPUTS, single_task=single, aim="mean")
    steps = course([Walk(order=("b",), learner=LEARNER, seed=0)], setup)
    advance(steps, None)
    said = advance(steps, known)
    assert isinstance(said, StepRequest)
    report = advance(steps, [LANDSCAPE.result(step) for step in said.steps])
    assert isinstance(report, TrialReport)
    assert report.learnt == [pytest.approx(100 + LANDSCAPE.result(said.steps[-1]).scores.own.val["b"])]


def test_trials_that_share_a_prefix_report_the_same_of_it() -> None:
    assert reports(("a", "b", "c"))[0].learnt == reports(("a", "c", "b"))[0].learnt


def test_tune_gets_the_last_as_a_number_of_its_own_and_earlier_reports_have_none() -> None:
    plain = reports(TASKS)[1].to_tune()
    assert plain["relative"] == plain["learnt"][-1]
    assert report_from(plain) == reports(TASKS)[1]
    old = {name: value for name, value in plain.items() if name not in ("learnt", "relative")}
    read = report_from(old)
    assert read is not None
    assert read.learnt == []


def test_a_report_has_the_scores_after_each_task_so_far() -> None:
    order = ("b", "a", "c")
    rows = [LANDSCAPE.scores(order[: place + 1]) for place in range(3)]
    found = reports(order, Walk(order=order, learner=LEARNER, seed=1))
    for count, report in enumerate(found, start=1):
        assert report.scores == [pytest.approx(row) for row in rows[:count]]
    assert report_from(found[-1].to_tune()) == found[-1]


def test_scores_are_relative_to_each_task_alone_where_the_goal_is() -> None:
    """So that a sampler of orders may model each task's: their mean after the last task is the objective."""
    plain, relative = reports(("b", "a"))[-1], reports(("b", "a"), goal=RELATIVE)[-1]
    alone = {task: LANDSCAPE.scores((task,))[0] for task in TASKS}
    assert relative.scores[1] == [
        pytest.approx(100 * score / alone[task]) for score, task in zip(plain.scores[1], "ba", strict=True)
    ]
    assert relative.objective == pytest.approx(sum(relative.scores[1]) / 2) == relative.learnt[-1]


def test_walks_of_different_orders_have_no_scores_in_common() -> None:
    assert [one.scores for one in reports(TASKS, Walk(order=TASKS[::-1], learner=LEARNER, seed=0))] == [[], [], []]


@pytest.mark.parametrize("looks_ahead", [False, True])
def test_steps_of_the_next_task_are_queued_ahead_where_no_trial_is_stopped(looks_ahead: bool) -> None:
    learner = TwoStage(experience=Schedule(steps=1), expansion=Schedule(steps=1))
    walk = Walk(order=TASKS, learner=learner, seed=0, beyond=Beyond(ahead=True, label_space=TASKS))
    setup = CourseSetup(step_inputs=INPUTS, single_task=(), aim="mean", looks_ahead=looks_ahead)
    asked, steps = [], course([walk], setup)
    said = advance(steps, None)
    while said is not None:
        if isinstance(said, StepRequest):
            asked.append(said)
        answer = [LANDSCAPE.result(step) for step in said.steps] if isinstance(said, StepRequest) else None
        said = advance(steps, answer)
    taken = [[step.title for step in request.steps] for request in asked if request.steps]
    ahead = [[step.title for step in request.ahead] for request in asked if request.steps]
    assert ahead[0] == (taken[1] + taken[2] if looks_ahead else [])
    assert ahead[1] == taken[2] + (taken[3] + taken[4] if looks_ahead else [])
    assert ahead[3] == taken[4] + (taken[5] if looks_ahead else [])
    assert ahead[2] == ahead[4] == ahead[5] == []
    assert [step.title for step in asked[0].later] == [title for titles in taken for title in titles]


def test_evaluations_are_asked_for_after_the_last_task_and_complete_the_trial() -> None:
    plain, found = reports(TASKS), reports(TASKS, beyond=Beyond(ahead=True, label_space=TASKS))
    assert [report.tasks_seen for report in found] == [1, 2, 3, 3]
    assert [report.complete for report in found] == [False, False, False, True]
    assert [report.finished[0] for report in found] == [1, 2, 3, 3 + 4]
    assert [report.learnt for report in found[:3]] == [report.learnt for report in plain]
    assert found[-1].objective == plain[-1].objective
    assert found[-1].scores == plain[-1].scores  # of tasks seen alone
    ahead = ("latest/mtil_transfer", "latest/forward_transfer", "free/mtil_transfer", "free/average_accuracy")
    assert {f"test/{name}" for name in ahead} <= found[-1].figures.keys()
    assert not {f"test/{name}" for name in ahead} & found[-2].figures.keys()
