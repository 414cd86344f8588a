"""The trial: a thin walk along its orders that asks the broker for one step after another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from atlas.config.learners import OWN_LEARNER
from atlas.learners import learner_from
from atlas.steps.probe import probe_from
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import AVERAGE, WalkResult, mean_metrics, objective


@dataclass(frozen=True, kw_only=True)
class TrialSetup:
    """What all trials of a sweep have in common.

    `lone` are the reference steps, by seed and task. `aim` and `goal` are what `objective` judges a trial by.
    """

    broker: str
    namespace: str
    step_inputs: StepInputs
    lone: dict[int, dict[str, Step]]
    aim: str
    sharing: bool
    goal: str = AVERAGE


def walks_of(config: dict[str, Any]) -> list[Walk]:
    """The walks that a trial's configuration asks for: each of its orders, once a seed, with its probes."""
    learner = learner_from(json.loads(config["learner_settings"]), config.get(OWN_LEARNER))
    probes = tuple(probe_from(facts) for facts in json.loads(config.get("probes", "[]")))
    return [
        Walk(order=tuple(order), learner=learner, seed=seed, probes=probes)
        for order in config["orders"]
        for seed in config["seeds"]
    ]


def run_trial(config: dict[str, Any], *, setup: TrialSetup) -> None:
    """What Ray Tune runs: all walks advance a task at a time, then take their probes; the trial reports after each.

    Raises:
        StepFailed: a step cannot be learnt; the trial fails with it, the sweep goes on.
    """
    import ray
    from ray import tune

    broker = ray.get_actor(setup.broker, namespace=setup.namespace)
    scope = "" if setup.sharing else f"private/{tune.get_context().get_trial_id()}"
    outcomes = [WalkResult(walk=walk, step_inputs=setup.step_inputs) for walk in walks_of(config)]
    lone = lone_scores(broker, setup.lone)
    tasks = len(outcomes[0].walk.order)
    for position in range(tasks):
        _advance(broker, outcomes, position, scope)
        tune.report({**_report(outcomes, lone, setup), "tasks_seen": position + 1})
    if any(outcome.probe_steps for outcome in outcomes):
        _probe(broker, outcomes, scope)
        tune.report({**_report(outcomes, lone, setup), "tasks_seen": tasks})


def _report(outcomes: list[WalkResult], lone: dict[str, dict[str, float]], setup: TrialSetup) -> dict[str, Any]:
    return {
        "objective": objective(outcomes, lone, aim=setup.aim, goal=setup.goal),
        "steps": [[step.key for step in outcome.taken] for outcome in outcomes],
        "figures": mean_metrics(outcomes, lone),
    }


def _advance(broker: Any, outcomes: list[WalkResult], position: int, scope: str) -> None:
    """Take every walk through its task at `position`, all of them at once."""
    import ray

    stages = [outcome.steps[position] for outcome in outcomes]
    for number in range(max(map(len, stages))):
        asked = [
            (outcome, steps[number]) for outcome, steps in zip(outcomes, stages, strict=True) if number < len(steps)
        ]
        answers = ray.get([broker.request.remote(step, scope) for _, step in asked])
        for (outcome, step), facts in zip(asked, answers, strict=True):
            outcome.add(step, facts)


def _probe(broker: Any, outcomes: list[WalkResult], scope: str) -> None:
    """Take all probes of all walks at once: none waits for another."""
    import ray

    asked = [(outcome, step) for outcome in outcomes for steps in outcome.probe_steps.values() for step in steps]
    answers = ray.get([broker.request.remote(step, scope) for _, step in asked])
    for (outcome, step), facts in zip(asked, answers, strict=True):
        outcome.add(step, facts)


def lone_scores(broker: Any, lone: dict[int, dict[str, Step]]) -> dict[str, dict[str, float]]:
    """`[split][task]`: what each task scores when it is learnt alone, the mean over the seeds."""
    import ray

    steps = [(task, step) for by_task in lone.values() for task, step in by_task.items()]
    answers = ray.get([broker.request.remote(step) for _, step in steps])
    scores: dict[str, dict[str, list[float]]] = {"val": {}, "test": {}}
    for (task, _), facts in zip(steps, answers, strict=True):
        for split, by_task in scores.items():
            by_task.setdefault(task, []).append(facts["scores"]["own"][split][task])
    return {split: {task: sum(all_) / len(all_) for task, all_ in by_task.items()} for split, by_task in scores.items()}
