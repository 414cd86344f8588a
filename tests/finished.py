"""A sweep of two tasks that has ended, its steps really learnt, and no cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import HeadOnly, Learner
from atlas.report.summary import SweepFacts
from atlas.search.proposals import Proposals
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import StepInputs
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.plan import Pace, plan
from atlas.sweep.summary import FinishedSweep
from tests.small import SCHEDULE, World, atlas

TASKS = ("digits", "easy-vqa")


def tiny(trial: optuna.Trial, options: Options) -> Learner:
    return atlas()


SWEEP = Sweep(name="order", question="Which order?\nMore.", searches_orders=True, learner=tiny)


def make_inputs(world: World, folder: Path) -> SweepInputs:
    """The ground of a sweep over the two tasks, with an empty store."""
    return SweepInputs(
        backbone=world.worker_context.backbone.processor.folder,
        prepared={task: world.prepared[task] for task in TASKS},
        store=Store.open(str(folder / "store")),
        store_uri=str(folder / "store"),
        tracking_uri="",
        step_inputs=StepInputs(
            backbone=world.step_inputs.backbone,
            data={task: world.step_inputs.data[task] for task in TASKS},
            evaluation=world.step_inputs.evaluation,
        ),
    )


def references(seed: int) -> dict[str, list[Walk]]:
    """Each task alone: with an adapter, with a head, and with a head that learns nothing."""
    untrained = HeadOnly(schedule=replace(SCHEDULE, steps=0))
    learners: dict[str, Learner] = {
        "lone": atlas(),
        "head_only": HeadOnly(schedule=SCHEDULE),
        "untrained": untrained,
    }
    return {
        name: [Walk(order=(task,), learner=learner, seed=seed) for task in TASKS] for name, learner in learners.items()
    }


def learnt_trial(
    world: World, inputs: SweepInputs, number: int, order: tuple[str, ...], sweep: Sweep = SWEEP
) -> TrialRecord:
    """A finished trial over one order, its steps in the store."""
    config = Experiment(sweep=sweep, options=Options.of(tasks=TASKS)).propose(
        optuna.trial.FixedTrial({"after nothing": order[0]})
    )  # type: ignore[arg-type]
    record = TrialRecord(f"trial-{number}", config, status="FINISHED", complete=True)
    for walk in record.walks:
        steps = [step for stages in walk.steps(inputs.step_inputs) for step in stages]
        world.learn(steps, inputs.store)
        record.steps.append([step.key for step in steps])
    record.tasks_seen, record.objective = len(order), 50.0 + number
    return record


def finished_sweep(small_world: World, folder: Path) -> FinishedSweep:
    """Both orders of two tasks, trained in `folder`."""
    inputs = make_inputs(small_world, folder)
    alone = references(seed=0)
    for walks in alone.values():
        for walk in walks:
            small_world.learn([step for stages in walk.steps(inputs.step_inputs) for step in stages], inputs.store)
    trials = [learnt_trial(small_world, inputs, number, order) for number, order in enumerate((TASKS, TASKS[::-1]))]
    pace = Pace(per_record=0.001, at_once=1, sizes=inputs.sizes)
    return FinishedSweep(
        sweep=SweepFacts(
            id="order-1",
            name="order",
            question="Which order?",
            command="python x.py",
            started="2026-01-01T00:00:00",
            finished="2026-01-01T00:01:00",
            status="FINISHED",
        ),
        options=Options.of(tasks=TASKS),
        inputs=inputs,
        plan=plan(
            Proposals(trials=[record.walks for record in trials], count=len(trials), exact=True),
            [walk for walks in alone.values() for walk in walks],
            inputs.graph,
            stored=set(),
            pace=pace,
        ),
        trials=trials,
        references=alone,
        run="",
    )
