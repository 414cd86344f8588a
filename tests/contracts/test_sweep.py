"""Contract of every file under `sweeps/`: a new one is tested for free."""

from __future__ import annotations

import io
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from rich.console import Console

from atlas.config.experiment import Experiment
from atlas.search.proposals import foresee, make_sampler
from atlas.steps.step import step_from
from atlas.sweep import Options, Sweep, run
from atlas.sweep.inputs import SweepInputs, resolve_inputs

FILES = sorted((Path(__file__).parents[2] / "sweeps").glob("*.py"))
TASKS = ("digits", "piqa-twin", "easy-vqa")
HEAVY = ("torch", "transformers", "peft", "ray", "mlflow", "optuna", "pyarrow", "matplotlib")
HELP = """
import json, os, runpy, sys
import atlas.sweep
files = sys.argv[1:]
for file in files:
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    sys.argv = [file, "--help"]
    try:
        runpy.run_path(file, run_name="__main__")
    except SystemExit as ended:
        heavy = [name for name in {heavy!r} if name in sys.modules]
        print("\\n" + json.dumps({{"file": file, "code": ended.code, "heavy": heavy}}), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def file(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="module")
def sweep(file: Path) -> Sweep:
    found = runpy.run_path(str(file))["SWEEP"]
    assert isinstance(found, Sweep)
    return found


@pytest.fixture(scope="module")
def shared_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def inputs(shared_storage: Path) -> SweepInputs:
    return resolve_inputs(Options.of(tasks=("piqa-twin", "digits"), storage=str(shared_storage)))


@pytest.fixture(scope="module")
def helped() -> dict[str, dict[str, Any]]:
    """How `--help` of each file ended: in a process of its own, forked where no more than `atlas.sweep` is imported."""
    command = [sys.executable, "-c", HELP.format(heavy=HEAVY), *map(str, FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"file"')]
    return {one["file"]: one for one in told}


def options_for(sweep: Sweep, **given: Any) -> Options:
    """Options with a task after the orders where the sweep is about such, since its goal is their score."""
    return Options.of(**given, downstream=("mnist-twin",) if sweep.defaults.search.downstream else ())


def test_there_are_sweeps() -> None:
    assert len(FILES) >= 3


def test_it_opens_with_a_question_and_the_command(file: Path, sweep: Sweep) -> None:
    lines = sweep.question.strip().splitlines()
    assert lines[0].endswith("?")
    assert f"python sweeps/{file.name}" in sweep.question


def test_it_is_named_as_its_file(file: Path, sweep: Sweep) -> None:
    assert sweep.name == file.stem.replace("_", "-")


def test_help_imports_nothing_heavy(file: Path, helped: dict[str, dict[str, Any]]) -> None:
    """So that it answers at once."""
    assert helped[str(file)] == {"file": str(file), "code": 0, "heavy": []}


def test_its_proposals_are_valid(sweep: Sweep) -> None:
    options = options_for(sweep, tasks=TASKS, seeds=(0, 1))
    study = optuna.create_study(sampler=make_sampler(Experiment(sweep=sweep, options=options)), direction="maximize")
    for number in range(12):
        trial = study.ask()
        config = Experiment(sweep=sweep, options=options, precision="bfloat16").propose(trial)
        plain = config.to_tune()
        assert json.loads(json.dumps(plain)) == plain
        learner = config.learner
        for order in config.orders:
            assert sorted(order) == sorted(TASKS)
        for position in range(len(TASKS)):
            assert all(stage.schedule.precision == "bfloat16" for stage in learner.stages(position))
        study.tell(trial, float(number % 5))


def test_its_trials_do_not_all_ask_the_same(sweep: Sweep) -> None:
    experiment = Experiment(sweep=sweep, options=options_for(sweep, tasks=TASKS, trials=6))
    walks, points = foresee(experiment).trials, experiment.points()
    assert len({tuple(trial) for trial in walks}) > min(3, len(points) - 1 if points else 3)


@pytest.mark.parametrize("file", [file for file in FILES if file.stem == "compare"], indirect=True)
@pytest.mark.parametrize(("given", "left"), [({"readout": "similarity"}, {"lwf"}), ({"readout": "head"}, set())])
def test_learners_are_compared_by_any_readout(sweep: Sweep, given: dict[str, Any], left: set[str]) -> None:
    """Those that do not work with it are left out; every other point is proposed with it."""
    experiment = Experiment(sweep=sweep, options=Options.of(tasks=TASKS, backbone="clip-tiny", **given))
    assert {point["learner"] for point in experiment.left_out()} == left
    for number, point in enumerate(experiment.points()):
        learner = experiment.propose(optuna.trial.FixedTrial(point, number)).learner  # type: ignore[arg-type]
        assert (learner.name, learner.readout) == (point["learner"], given["readout"])


def test_its_steps_can_be_sent_anywhere(sweep: Sweep, inputs: SweepInputs) -> None:
    options = options_for(sweep, tasks=("piqa-twin", "digits"), trials=3)
    for trial in foresee(Experiment(sweep=sweep, options=options)).trials:
        for walk in trial:
            for stages in walk.steps(inputs.step_inputs):
                for step in stages:
                    assert step_from(json.loads(json.dumps(step.describe()))).key == step.key


def test_a_dry_run_prints_its_plan(
    sweep: Sweep, inputs: SweepInputs, shared_storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    console = Console(record=True, width=140, file=io.StringIO())
    options = options_for(sweep, tasks=("piqa-twin", "digits"), storage=str(shared_storage), dry_run=True)
    assert run(sweep, options, console)
    text = console.export_text()
    assert f"Plan of the sweep {sweep.name}" in text
    assert sweep.question.strip().splitlines()[0] in text
    assert "distinct steps" in text
