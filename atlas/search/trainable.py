"""The trainable: a trial that walks its orders by requesting one step after another from the broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atlas.config.trial import trial_config_from
from atlas.execution.broker_client import BrokerClient
from atlas.search.trial_report import TrialReport
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk_result import AVERAGE, WalkResult, mean_metrics, objective
from atlas.storage.score_names import Split
from atlas.storage.step_result import SplitScores, StepResult


@dataclass(frozen=True, kw_only=True)
class TrialSetup:
    """Settings common to all trials of a sweep.

    `single_task` are the reference steps that train each task alone, with each seed. `aim` and `goal` are arguments of
    `objective`.
    """

    broker: str
    namespace: str
    step_inputs: StepInputs
    single_task: Sequence[Step]
    aim: str
    sharing: bool
    goal: str = AVERAGE


def run_trial(config: dict[str, Any], *, setup: TrialSetup) -> None:
    """The function that Tune runs: all walks advance task by task, then take their probes, with a report after each.

    Raises:
        StepFailed: a step cannot be trained; the trial fails with it, the sweep continues.
    """
    from ray import tune

    broker = BrokerClient.connect(setup.broker, setup.namespace)
    scope = "" if setup.sharing else f"private/{tune.get_context().get_trial_id()}"
    graph = WalkGraph(setup.step_inputs)
    walks = [WalkResult(walk=walk, graph=graph) for walk in trial_config_from(config).walks()]
    single_task = single_task_scores(broker, setup.single_task)
    tasks, probes = len(walks[0].walk.order), any(walk.probe_steps for walk in walks)
    for position in range(tasks):
        _advance(broker, walks, position, scope)
        complete = position + 1 == tasks and not probes
        tune.report(_report(walks, single_task, setup, tasks_seen=position + 1, complete=complete).to_tune())
    if probes:
        _probe(broker, walks, scope)
        tune.report(_report(walks, single_task, setup, tasks_seen=tasks, complete=True).to_tune())


def _report(
    walks: list[WalkResult], single_task: SplitScores, setup: TrialSetup, *, tasks_seen: int, complete: bool
) -> TrialReport:
    return TrialReport(
        objective=objective(walks, single_task, aim=setup.aim, goal=setup.goal),
        tasks_seen=tasks_seen,
        finished=[len(walk.finished) for walk in walks],
        figures=mean_metrics(walks, single_task),
        complete=complete,
    )


def _advance(broker: BrokerClient, walks: list[WalkResult], position: int, scope: str) -> None:
    """Take every walk through its task at `position`, all walks at once, stage by stage."""
    tasks = [walk.steps[position] for walk in walks]
    for stage in range(max(map(len, tasks))):
        _request(
            broker,
            [(walk, steps[stage]) for walk, steps in zip(walks, tasks, strict=True) if stage < len(steps)],
            scope,
        )


def _probe(broker: BrokerClient, walks: list[WalkResult], scope: str) -> None:
    """Take all probes of all walks at once: none waits for another."""
    _request(broker, [(walk, step) for walk in walks for steps in walk.probe_steps.values() for step in steps], scope)


def _request(broker: BrokerClient, steps: Sequence[tuple[WalkResult, Step]], scope: str) -> None:
    """Request the steps together and add their results to the walks."""
    results = broker.request([step for _, step in steps], scope)
    for (walk, step), result in zip(steps, results, strict=True):
        walk.add(step, result)


def single_task_scores(broker: BrokerClient, steps: Sequence[Step]) -> SplitScores:
    """The score of each task trained alone, the mean over the seeds."""
    results = broker.request(steps)
    return SplitScores(val=_means(steps, results, "val"), test=_means(steps, results, "test"))


def _means(steps: Sequence[Step], results: Sequence[StepResult], split: Split) -> dict[str, float]:
    """Task → the mean of its scores."""
    found: dict[str, list[float]] = {}
    for step, result in zip(steps, results, strict=True):
        found.setdefault(step.task, []).append(result.scores.own.of(split)[step.task])
    return {task: sum(scores) / len(scores) for task, scores in found.items()}
