"""Summaries as sweeps leave them, without training: real files, settings and step keys, and invented scores."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from atlas.backbones import digest, locate
from atlas.backbones.base import revisions_of
from atlas.config.addresses import with_names
from atlas.config.command_line import read_command_line
from atlas.config.experiment import Experiment
from atlas.report import write_summary
from atlas.reproduce.recorded_run import RecordedRun
from atlas.search.proposals import foresee
from atlas.steps.step import StepInputs
from atlas.steps.walk import Walk
from atlas.sweep.file import load_sweep
from atlas.sweep.inputs import evaluation_of
from atlas.sweep.provenance import provenance_of, versions
from tests.report.conftest import typed

SWEEPS = Path(__file__).parents[2] / "sweeps"
SMALL = ("--tasks", "digits", "piqa-twin", "--steps", "6", "--evaluate", "40", "60")
OWN = """
from dataclasses import replace
from atlas.sweep import Sweep, base_learner, main

def learner(trial, options):
    return replace(base_learner(options.training), rank=trial.suggest_categorical("rank", [4, 16, 48]))

if __name__ == "__main__":
    main(Sweep(name="rank", question="Which rank?", learner=learner, trials=2))
"""


def invented(
    file: Path, *arguments: str, precision: Any = "float32", sweep_id: str = "a-sweep", revised: bool = True
) -> dict[str, Any]:
    """The summary of a sweep of that file, as if it had been run with those arguments.

    Unless `revised` by a version that computed adapters on the backbone otherwise.
    """
    sweep = load_sweep(file)
    options = with_names(read_command_line(sweep.question, sweep.defaults, arguments).options)
    search = options.search
    tasks, read = ({name: _task(name) for name in names if name} for names in (search.tasks, (search.reference,)))
    step_inputs = StepInputs(
        backbone=digest(locate(options.training.backbone)),
        data={name: task["fingerprint"] for name, task in (tasks | read).items()},
        evaluation=evaluation_of(options.training),
        revisions=revisions_of(options.training.backbone) if revised else {},
    )
    trials = foresee(Experiment(sweep=sweep, options=options, precision=precision)).trials
    settings = _settings(sweep, options)
    rows = [
        _row(f"t{n}" if len(walks) == 1 else f"t{n}.{i}", walk, step_inputs, settings[n])
        for n, walks in enumerate(trials)
        for i, walk in enumerate(walks)
    ]
    alone = {
        str(seed): {task: {"val": 60.0, "test": 61.0} for task in options.search.tasks} for seed in options.search.seeds
    }
    return {
        "schema": 2,
        "sweep": {
            "id": sweep_id,
            "name": sweep.name,
            "question": "Which?",
            "command": " ".join(["python", str(file), *arguments]),
            "started": "2026-01-01T00:00:00+0000",
            "finished": "2026-01-01T00:01:00+0000",
            "status": "FINISHED",
        },
        "settings": {**json.loads(json.dumps(options.flat())), "backbone_digest": step_inputs.backbone},
        "versions": versions(),
        "origin": _origin(file, trials),
        "seeds": list(options.search.seeds),
        "plan": {"trials": len(trials), "trainings_without_sharing": 1, "distinct_steps": 1},
        "tasks": tasks,
        **({"read_tasks": read} if read else {}),
        "trials": rows,
        "references": {"lone": alone},
        "orders": [],
        "ledger": {"steps_trained": 1, "steps_reused": 0, "seconds_trained": 1.0, "seconds_saved": 0.0},
        "best": None,
    }


def _origin(file: Path, trials: Sequence[Sequence[Walk]]) -> dict[str, Any]:
    learners = {walk.learner.name for walks in trials for walk in walks}
    return provenance_of(str(file), learners).model_dump(mode="json", exclude_unset=True)


def _settings(sweep: Any, options: Any) -> list[dict[str, Any]]:
    """The parameters suggested for each trial, without its order."""
    from atlas.search.prefix_sampler import rehearse
    from atlas.search.proposals import make_sampler

    found: list[dict[str, Any]] = []

    def ask(trial: Any) -> None:
        Experiment(sweep=sweep, options=options).propose(trial)
        found.append({name: value for name, value in trial.params.items() if not name.startswith("after ")})

    points = [] if sweep.searches_orders else [dict(point) for point in sweep.points]
    rehearse(
        make_sampler(Experiment(sweep=sweep, options=options)),
        ask,
        Experiment(sweep=sweep, options=options).trial_count(),
        points=points,
    )
    return found


def _task(name: str) -> dict[str, Any]:
    counts = {"train": 400, "val": 100, "test": 200}
    fingerprint = name.encode().hex().ljust(64, "0")
    return {"chance": 10.0, "score": "accuracy", "modality": "vision", "fingerprint": fingerprint, "counts": counts}


def _row(name: str, walk: Walk, step_inputs: StepInputs, settings: dict[str, Any]) -> dict[str, Any]:
    size = len(walk.order)
    R = [[50.0 + i - j if j <= i else None for j in range(size)] for i in range(size)]
    routes = {route: copy.deepcopy(R) for route in ("latest", "own")}
    return {
        "id": name,
        "order": list(walk.order),
        "seed": walk.seed,
        "settings": settings,
        "step_keys": [step.key for step in walk.every_step(step_inputs)],
        "status": "FINISHED",
        "R": {split: copy.deepcopy(routes) for split in ("val", "test")},
        "metrics": {},
        "error": "",
    }


@pytest.fixture
def invent() -> Callable[..., dict[str, Any]]:
    """Make the summary of a file and its arguments."""
    return invented


@pytest.fixture(scope="session")
def _order_sweep() -> dict[str, Any]:
    return invented(SWEEPS / "task_order.py", *SMALL)


@pytest.fixture
def summary(_order_sweep: dict[str, Any]) -> dict[str, Any]:
    """A copy of one's own of a sweep over both orders of two tasks."""
    return copy.deepcopy(_order_sweep)


@pytest.fixture
def recorded(summary: dict[str, Any]) -> RecordedRun:
    return recorded_of(summary)


def recorded_of(summary: dict[str, Any]) -> RecordedRun:
    """The whole sweep."""
    read = typed(summary)
    return RecordedRun(summary=read, trials=read.trials)


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A sweep of one's own: it hands its sweep to main, and has no name for it."""
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    return path


def keep(summary: dict[str, Any], storage: Path, options: dict[str, Sequence[str]] | None = None) -> Path:
    """Write the summary where a sweep of the storage leaves it."""
    path = storage / "sweeps" / summary["sweep"]["id"] / "summary.json"
    write_summary(typed(summary), path)
    if options is not None:
        (path.parent / "options.json").write_text(json.dumps(options))
    return path
