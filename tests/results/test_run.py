from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import atlas
from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.config.search import TASKS
from atlas.sweep.folder import SweepFolder
from tests.report.conftest import invented_summary

SWEEP = atlas.Sweep(name="order", question="Which order?", searches_orders=True)


class Ran:
    """What a run was asked for; a summary is written in place of training."""

    def __init__(self) -> None:
        self.experiments: list[Experiment] = []
        self.invocations: list[Invocation] = []

    def __call__(self, experiment: Experiment, console: Any, folder: Any, address: str, invocation: Invocation) -> Any:
        self.experiments.append(experiment)
        self.invocations.append(invocation)
        made = SweepFolder.new(experiment.options.storage.path, experiment.sweep.name, experiment.options)
        document = invented_summary(2)
        made.summary.write_text(json.dumps({**document, "sweep": {**document["sweep"], "id": made.id}}))
        return import_module("atlas.sweep.run").RunEnd(finished=True, folder=made)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, storage: Path) -> Ran:
    import sys

    found = Ran()
    monkeypatch.setattr(sys.modules["atlas.sweep.run"], "launch", found)
    return found


def test_a_sweep_of_ones_own_is_run_and_its_result_given(ran: Ran, storage: Path) -> None:
    result = atlas.run(SWEEP, atlas.Options.of(steps=20), seeds=(0, 1), quiet=True)
    assert result.folder.parent == storage / "sweeps"
    assert atlas.open(result.id).summary == result.summary
    (experiment,) = ran.experiments
    assert (experiment.options.training.steps, experiment.options.search.seeds) == (20, (0, 1))


def test_a_shipped_sweep_is_run_by_name_with_its_own_defaults_and_command(ran: Ran) -> None:
    atlas.run("downstream", steps=7, quiet=True)
    (experiment,), (invocation,) = ran.experiments, ran.invocations
    assert experiment.options.search.downstream == ("easy-ve", "easy-pair")
    assert invocation.command == "atlas sweep downstream --steps 7"


def test_a_small_run_is_small(ran: Ran) -> None:
    atlas.run(SWEEP, smoke=True, quiet=True)
    atlas.run("task-order", smoke=True, quiet=True)
    assert [experiment.options.training.steps for experiment in ran.experiments] == [8, 8]
    assert ran.invocations[-1].command == "atlas sweep task-order --smoke"


def test_bad_input_is_refused(storage: Path) -> None:
    with pytest.raises(atlas.UserError, match="Did you mean 'task-order'"):
        atlas.run("task-oder")
    with pytest.raises(atlas.UserError, match="Did you mean 'seeds'"):
        atlas.run(SWEEP, seed=3)
    with pytest.raises(atlas.UserError, match=r"options are {'steps': 3}; give Options.of\(steps=20"):
        atlas.run(SWEEP, {"steps": 3})  # type: ignore[arg-type]
    with pytest.raises(atlas.UserError, match="unknown task of the suite mtil-twin 'easy-vqa'"):
        atlas.run("task-order", suite="mtil-twin", tasks=TASKS, storage=str(storage))
    with pytest.raises(atlas.UserError, match="dry_run prints the plan alone"):
        atlas.run(SWEEP, dry_run=True)
    assert not storage.exists()
