"""The course of a trial: the steps that it requests, round by round, and its reports in between.

Where the steps come from is not its business: a trial of Ray Tune asks the broker's actor, a simulated one the broker.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from atlas.config.constraint import PARAMETERS, SECONDS
from atlas.search.trial_report import TrialReport
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import (
    AVERAGE,
    RELATIVE,
    WalkResult,
    mean_metrics,
    objective,
    relative_accuracy,
    relative_score,
)
from atlas.storage.score_names import Split
from atlas.storage.step_result import SplitScores, StepResult


@dataclass(frozen=True, kw_only=True)
class CourseSetup:
    """Settings common to the courses of all trials of a sweep.

    `single_task` are the reference steps that train each task alone, with each seed. `aim` and `goal` are arguments of
    `objective`. Without `figures` a report has the objective alone. `zero_shot`: the reference steps of the bare
    backbone, which transfer is measured from where tasks to come are scored. `looks_ahead`: no trial is stopped before
    its end, so that the steps of its next task are queued while it takes one.
    """

    step_inputs: StepInputs
    single_task: Sequence[Step]
    aim: str
    goal: str = AVERAGE
    figures: bool = True
    zero_shot: Sequence[Step] = ()
    looks_ahead: bool = False


@dataclass(frozen=True, kw_only=True)
class StepRequest:
    """Steps that the trial needs now, all at once.

    `shared` ones are references, common to all trials, whatever they share else; the trial goes on without those that
    have failed for good. It will need those of `ahead` next, which are queued with these, and `later` those of the
    whole course, unless it is stopped: the broker is told of them.
    """

    steps: Sequence[Step]
    shared: bool = False
    ahead: Sequence[Step] = ()
    later: Sequence[Step] = ()


Answer = Sequence[StepResult | None]  # None in place of a reference that has failed
Course = Generator[StepRequest | TrialReport, Answer | None, None]


def course(walks: Sequence[Walk], setup: CourseSetup) -> Course:
    """All walks advance task by task, stage by stage, then take their probes and evaluations, with a report after each.

    A request is answered by `send` with the results of its steps, in their order; a report by None.
    """
    graph = WalkGraph(setup.step_inputs)
    results = [WalkResult(walk=walk, graph=graph) for walk in walks]
    further = [(one, step) for one in results for step in _after_the_last(one)]
    rounds = [_stages(results, position) for position in range(len(walks[0].order))]
    later = _steps([*(wanted for stages in rounds for wanted in stages), further])
    references = yield StepRequest(steps=setup.single_task, shared=True, later=later)
    single_task = single_task_scores(setup.single_task, references or ())
    learnt: list[float] = []
    for (first, *stages), following in zip(rounds, [*rounds[1:], [further]], strict=True):
        yield from _take(first, ahead=_steps([*stages, *(following if setup.looks_ahead else ())]))
        for wanted in stages:
            yield from _take(wanted)
        learnt.append(relative_accuracy(results, single_task, aim=setup.aim))
        complete = len(learnt) == len(rounds) and not further
        yield _report(results, single_task, setup, learnt, complete=complete)
    if further:
        yield from _take_further(results, further, setup)
        yield _report(results, single_task, setup, learnt, complete=True)


def advance(steps: Course, answer: Answer | None) -> StepRequest | TrialReport | None:
    """The next request or report, given the results of the request before (None at first and after a report).

    None at the end of the course.
    """
    try:
        return steps.send(answer)
    except StopIteration:
        return None


Wanted = list[tuple[WalkResult, Step]]


def _stages(results: Sequence[WalkResult], position: int) -> list[Wanted]:
    """The steps of all walks at `position`, one list a stage."""
    tasks = [(one, one.steps[position]) for one in results]
    stages = max(len(steps) for _, steps in tasks)
    return [[(one, steps[stage]) for one, steps in tasks if stage < len(steps)] for stage in range(stages)]


def _after_the_last(result: WalkResult) -> list[Step]:
    """The steps that a walk takes after its last task: of its probes, and its evaluations, in its own order."""
    probes = [step for steps in result.probe_steps.values() for step in steps]
    return [*probes, *(step for step in result.evaluations if step is not None)]


def _steps(wanted: Sequence[Wanted]) -> list[Step]:
    return [step for some in wanted for _, step in some]


def _take(wanted: Wanted, ahead: Sequence[Step] = ()) -> Course:
    """Request the steps together and add their results to the walks."""
    answer = yield StepRequest(steps=[step for _, step in wanted], ahead=ahead)
    for (one, step), result in zip(wanted, answer or (), strict=True):
        if result is not None:
            one.add(step, result)


def _take_further(results: Sequence[WalkResult], further: Wanted, setup: CourseSetup) -> Course:
    """Take the probes and evaluations, these with the scores of the bare backbone that transfer is measured from."""
    if any(any(one.evaluations) for one in results):
        bare = yield StepRequest(steps=setup.zero_shot, shared=True)
        for one in results:
            one.zero_shot = single_task_scores(setup.zero_shot, bare or ())
    yield from _take(further)


def _report(
    results: Sequence[WalkResult],
    single_task: SplitScores,
    setup: CourseSetup,
    learnt: Sequence[float],
    *,
    complete: bool,
) -> TrialReport:
    return TrialReport(
        objective=objective(results, single_task, aim=setup.aim, goal=setup.goal),
        tasks_seen=len(learnt),
        finished=[len(one.finished) for one in results],
        figures=mean_metrics(results, single_task) if setup.figures else {},
        complete=complete,
        learnt=list(learnt),
        scores=_scores(results, single_task if setup.goal == RELATIVE else None),
        costs=_costs(results),
    )


def _costs(results: Sequence[WalkResult]) -> dict[str, float]:
    """The costs of the steps so far, as `TrialReport` has them."""
    finished = [[one.results[step.key] for step in one.finished] for one in results]
    trained = [step.trained_parameters for steps in finished for step in steps]
    known = [number for number in trained if number is not None]
    most = {PARAMETERS: float(max(known))} if known and len(known) == len(trained) else {}
    return {**most, SECONDS: sum(step.cost.seconds for steps in finished for step in steps) / len(results)}


def _scores(results: Sequence[WalkResult], single_task: SplitScores | None) -> list[list[float]]:
    """The scores after each task that every walk has finished, each relative to `single_task` where that is given.

    None where walks have different orders.
    """
    if len({one.walk.order for one in results}) > 1:
        return []
    mean = np.mean([one.matrix("val", "latest") for one in results], axis=0)
    rows = [[float(score) for score in row[: place + 1]] for place, row in enumerate(mean)]
    known = [row for row in rows if np.isfinite(row).all()]
    if single_task is None:
        return known
    alone = [single_task.val.get(task) for task in results[0].walk.order]
    return [[relative_score(score, one) for score, one in zip(row, alone, strict=False)] for row in known]


def single_task_scores(steps: Sequence[Step], results: Answer) -> SplitScores:
    """The score of each task trained alone, the mean over the seeds of which it is known."""
    return SplitScores(val=_means(steps, results, "val"), test=_means(steps, results, "test"))


def _means(steps: Sequence[Step], results: Answer, split: Split) -> dict[str, float]:
    """Task → the mean of its scores."""
    found: dict[str, list[float]] = {}
    for step, result in zip(steps, results, strict=True):
        if result is not None and step.task in (scores := result.scores.own.of(split)):
            found.setdefault(step.task, []).append(scores[step.task])
    return {task: sum(scores) / len(scores) for task, scores in found.items()}
