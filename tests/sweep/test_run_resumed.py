from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from rich.console import Console

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.runtime.errors import AtlasError
from atlas.search.definition import define_search
from atlas.sweep import Sweep, base_learner, main, run
from atlas.sweep.folder import SweepFolder
from atlas.sweep.inputs import resolve_inputs
from atlas.sweep.launch import RunEnd

SWEEP = Sweep(name="order", question="Which order?", searches_orders=True, trials=4)


def test_a_resumed_sweep_takes_the_options_it_was_started_with(storage: Path) -> None:
    """Its dry run prints what was started, not what is given now."""
    started = Options.of(tasks=("piqa-twin",), seeds=(5,), dry_run=True)
    folder = SweepFolder.new(storage, "order", started)
    console = Console(record=True, width=140, file=io.StringIO())
    assert run(SWEEP, Options.of(resume="latest"), console)
    text = console.export_text()
    assert "piqa-twin" in text
    assert json.loads((folder.path / "options.json").read_text())["search"]["seeds"] == [5]
    assert "│ 5 " in text


def test_a_resumed_sweep_computes_in_the_precision_that_it_was_started_with(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    SweepFolder.new(storage, "order", Options.of(tasks=("piqa-twin",), precision="bfloat16"))
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--resume", "--dry-run"])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    assert "bfloat16" in said.out


def test_a_dry_run_of_a_resumed_sweep_prints_its_plan_and_trains_nothing(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = SweepFolder.new(storage, "order", Options.of(tasks=("piqa-twin",), seeds=(5,)))
    before = sorted(folder.path.iterdir())
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--resume", "--dry-run", "--fleets", "1", "--cpus-per-worker", "0.3"])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    assert "│ 5 " in said.out
    assert "1 of 1 worker, 0.3 CPUs each" in said.out
    assert sorted(folder.path.iterdir()) == before
    assert list((storage / "store").rglob("commit.json")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "--seeds is 0 now, but the sweep was started with 5, which cannot change"),
        (["--steps", "3"], "--steps is 3 now, but the sweep was started with not given"),
        (["--tasks", "digits", "piqa-twin"], "--tasks is digits piqa-twin now"),
        (["--learner", "ewc"], "--learner is ewc now"),
    ],
)
def test_what_a_resumed_sweep_cannot_change_is_refused(
    storage: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    SweepFolder.new(storage, "order", Options.of(tasks=("piqa-twin",), seeds=(5,)))
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--resume", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_sweep_whose_file_has_changed_is_refused_or_gone_on_with(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options.of(tasks=("piqa-twin",), seeds=(5,))
    folder = SweepFolder.new(storage, "order", options)
    inputs = resolve_inputs(options).step_inputs
    folder.write_definition(define_search(Experiment(sweep=SWEEP, options=options), inputs))
    changed = replace(SWEEP, learner=lambda trial, options: base_learner(replace(options.training, rank=3)))
    with pytest.raises(SystemExit) as ended:
        main(changed, ["--resume", "--dry-run"])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "has changed since it was started: the learner: " in said.err
    assert "rank was 16, is 3" in said.err
    assert said.err.count("\n") == 1
    with pytest.raises(SystemExit) as ended:
        main(changed, ["--resume", "--dry-run", "--changed"])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    assert "changed since the sweep was started: the learner: " in said.out


def test_a_tracking_address_beside_resume_is_used(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        import_module("atlas.sweep.run"),
        "launch",
        lambda experiment, console, folder, address, invocation: (
            asked.append((experiment.options.storage.tracking_uri, address)) or RunEnd(finished=True)
        ),
    )
    SweepFolder.new(storage, "order", Options.of(tracking_uri="http://old:1"))
    run(SWEEP, Options.of(resume="latest", tracking_uri="http://new:1"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://other:1")
    run(SWEEP, Options.of(resume="latest"))
    assert asked == [("http://new:1", "http://new:1"), ("http://old:1", "http://old:1")]


def test_a_password_of_the_tracking_address_is_not_kept_and_has_to_be_given_again(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        import_module("atlas.sweep.run"),
        "launch",
        lambda experiment, console, folder, address, invocation: (
            asked.append((experiment.options.storage.tracking_uri, address)) or RunEnd(finished=True)
        ),
    )
    whole, shown = "postgresql://me:hunter2@db/atlas", "postgresql://***@db/atlas"
    run(SWEEP, Options.of(tracking_uri=whole))
    SweepFolder.new(storage, "order", Options.of(tracking_uri=shown))
    with pytest.raises(AtlasError, match=re.escape(f"the sweep logs to {shown}, whose user and password are not kept")):
        run(SWEEP, Options.of(resume="latest"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", whole)
    run(SWEEP, Options.of(resume="latest"))
    assert asked == [(shown, whole)] * 2
