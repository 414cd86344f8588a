from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.config.search import TASKS
from atlas.execution.sizing import FleetSize
from atlas.sweep import Sweep, main
from atlas.sweep.launch import describe

ONE = ("--tasks", "piqa-twin", "--dry-run", "--fleets", "1", "--cpus-per-worker", "0.2")
TWINS = tuple(f"{task}-twin" for task in ("piqa", "commonsense-qa", "vqa", "nlvr2", "snli-ve", "vcr", "inaturalist"))
TWINS = (*TWINS, "places365-twin")
SWEEP = Sweep(name="order", question="Which order?", searches_orders=True, trials=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--taks", "digits"], "Did you mean '--tasks'"),
        (["--tasks", "digts"], "Did you mean 'digits'"),
        (["--orders", "few"], "--orders is 'few'"),
        (["--suite", "mtil-twin", "--tasks", *TASKS], "unknown task of the suite mtil-twin 'easy-vqa'"),
        (["--tuned", "{}", "--dry-run"], "give a learner's settings with its name"),
        (
            ["--orders", "all", "--tasks", "digits", "easy-vqa", "easy-ve", *TWINS],
            "39,916,800 orders are asked for, of the 39,916,800 of 11 tasks; a sweep walks at most 100,000",
        ),
        (["--orders", "digits,easy-vqa"], "leaves out easy-ve, piqa-twin"),
        (["--resume"], "no interrupted sweep 'order'"),
        (["--changed"], "--changed goes on with an interrupted sweep; give it with --resume"),
        (["--rank", "0", "--tasks", "piqa-twin", "--dry-run"], "rank is 0"),
        (["--steps", "-1", "--tasks", "piqa-twin", "--dry-run"], "steps is -1"),
        (["--fleets", "500", "--cpus-per-worker", "1"], "500 fleets of 1 worker "),
        (
            [*ONE, "--workers-per-fleet", "3"],
            "cannot be shared by 3 workers in 1 equal micro-batches",
        ),
        ([*ONE, "--workers-per-fleet", "4", "--min-workers-per-fleet", "2"], "cannot be shared by 3 workers"),
        (
            [*ONE, "--workers-per-fleet", "2", "--batch-size", "auto"],
            "--batch-size is auto, but the 2 workers of a fleet would have to cut their batches alike",
        ),
        (["--backbone", "/nowhere/x"], "there is no folder"),
        (["--tracking-uri", "nonsense"], "runs cannot be logged"),
    ],
)
def test_bad_input_ends_with_two_and_one_line(
    storage: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("atlas: ")
    assert said.count("\n") == 1
    assert message in said
    assert not (storage / "sweeps").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tracking-uri", "http://127.0.0.1:9"], "the MLflow server http://127.0.0.1:9 does not answer"),
        (["--storage", "s3://bucket/atlas?endpoint_override=127.0.0.1:9&scheme=http"], "the store "),
    ],
)
def test_what_is_out_of_reach_ends_with_three_and_one_line(
    storage: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--tasks", "piqa-twin", *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 3, said
    assert said.startswith("atlas: ")
    assert said.count("\n") == 1
    assert message in said
    assert not (storage / "sweeps").exists()


def test_help_is_the_question_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--help"])
    assert ended.value.code == 0
    assert "Which order?" in capsys.readouterr().out


def test_a_dry_run_prints_the_plan_and_ends_well(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--dry-run", "--tasks", "piqa-twin", "--seeds", "1", "2"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for phrase in ("Plan of the sweep order", "piqa-twin", "1, 2", "vilt-tiny", str(storage), "1 of 1"):
        assert phrase in said
    assert not (storage / "sweeps").exists()
    assert list((storage / "store").rglob("commit.json")) == []


def test_a_plan_says_what_its_budget_buys_and_what_trials_keep_to(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, [*ONE, "--budget", "3steps", "--at-most", "trained_parameters=10%"])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "budget │ 3steps: all of the 3 steps to train" in said
    assert "constraints │ --at-most trained_parameters=10%" in said


def test_the_plan_names_downstream_tasks_where_there_are_any() -> None:
    size = FleetSize(fleets=1, workers=1, cpus=1, gpus=0)
    both = Options.of(tasks=("digits",), downstream=("piqa-twin", "nlvr2-twin"))
    assert describe(both, size)["downstream"] == "piqa-twin, nlvr2-twin"
    assert "downstream" not in describe(Options.of(tasks=("digits",)), size)


def test_the_plan_names_the_suite_its_orders_and_what_differs_from_its_protocol() -> None:
    size = FleetSize(fleets=1, workers=1, cpus=1, gpus=0)
    assert describe(Options.of(suite="mtil"), size)["suite"].endswith("11 tasks, orders I, II.")
    assert "one label space" in describe(Options.of(suite="xtail"), size)["suite"]
    assert "suite" not in describe(Options(), size)


def test_a_smoke_run_is_planned_small(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(SWEEP, ["--dry-run", "--smoke", "--tasks", "piqa-twin"])
    assert "trials" in capsys.readouterr().out


def test_the_plan_says_what_learns_and_with_which_settings() -> None:
    size = FleetSize(fleets=1, workers=1, cpus=1, gpus=0)
    assert describe(Options(), size)["fleets"] == "1 of 1 worker, 1 CPU each, float32"
    assert "learner" not in describe(Options(), size)
    assert describe(Options.of(learner="ewc"), size)["learner"] == "ewc"
    won = replace(learner_named("atlas-normalised", Options.of(rank=4, steps=8).training), adapter="lora")
    given = Options.of(settings_of="adapter-1", tuned=json.dumps(won.settings()))
    assert describe(given, size)["settings"] == (
        "of adapter-1: atlas-normalised, lora, learned, softmax, skip outside, weighting whole, rank 4; "
        "8 updates + 8 updates a task"
    )


def test_the_settings_that_people_ask_for_first() -> None:
    size = FleetSize(fleets=2, workers=4, cpus=3.5, gpus=0.5)
    found = describe(Options.of(seeds=(1, 2)), size)
    assert found["seeds"] == "1, 2"
    assert found["fleets"] == "2 of 4 workers, 3.5 CPUs, 0.5 GPUs each, bfloat16"
    found = describe(Options.of(precision="float16"), size)
    assert found["fleets"] == "2 of 4 workers, 3.5 CPUs, 0.5 GPUs each, float16"


def test_a_dry_run_needs_no_cluster_that_is_not_there(
    storage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{kept.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(SystemExit) as ended:
            main(SWEEP, ["--dry-run", "--tasks", "piqa-twin"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"no Ray cluster at {address}" in said
    assert "The plan is for this machine." in " ".join(said.split())
    assert "Plan of the sweep order" in said


def test_a_cluster_that_is_not_there_is_told_before_anything_is_prepared(
    storage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "head.invalid:6379")
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--tasks", "piqa-twin"])
    assert ended.value.code == 3
    assert "no Ray cluster at head.invalid:6379" in capsys.readouterr().err
    assert not storage.exists()


@pytest.mark.parametrize("name", ["a#b c", "a%41", "a?b=c,d", "ü'\"[red]x", "100%;&"])
def test_a_dry_run_works_in_a_storage_of_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(SWEEP, ["--dry-run", "--tasks", "piqa-twin", "--storage", name])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    assert name in said.out
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {"data", "store"} <= {path.name for path in (tmp_path / name).iterdir()}
