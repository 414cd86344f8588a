from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from atlas.config.options import TASKS, Options, read_options, with_twins, with_values
from atlas.runtime.errors import AtlasError

GIVEN: dict[str, tuple[list[str], Any]] = {
    "tasks": (["--tasks", "digits", "easy-ve"], ("digits", "easy-ve")),
    "downstream": (["--downstream", "easy-pair"], ("easy-pair",)),
    "shots": (["--shots", "16", "5%"], ("16", "5%")),
    "twins": (["--twins"], True),
    "orders": (["--orders", "all"], ("all",)),
    "trials": (["--trials", "7"], 7),
    "seeds": (["--seeds", "1", "2"], (1, 2)),
    "backbone": (["--backbone", "vilt-b32"], "vilt-b32"),
    "learner": (["--learner", "ewc"], "ewc"),
    "rank": (["--rank", "4"], 4),
    "steps": (["--steps", "9"], 9),
    "epochs": (["--epochs", "1.5"], 1.5),
    "batch_size": (["--batch-size", "32"], 32),
    "learning_rate": (["--learning-rate", "1e-3"], 1e-3),
    "evaluate": (["--evaluate", "10", "0"], (10, 0)),
    "storage": (["--storage", "/s"], "/s"),
    "source": (["--source", "vqa=/v", "snli=/s"], ("vqa=/v", "snli=/s")),
    "tracking_uri": (["--tracking-uri", "http://h:5000"], "http://h:5000"),
    "fleets": (["--fleets", "3"], 3),
    "workers_per_fleet": (["--workers-per-fleet", "2"], 2),
    "min_workers_per_fleet": (["--min-workers-per-fleet", "1"], 1),
    "cpus_per_worker": (["--cpus-per-worker", "0.5"], 0.5),
    "gpus_per_worker": (["--gpus-per-worker", "0.25"], 0.25),
    "checkpoint_every": (["--checkpoint-every", "5"], 5.0),
    "aim": (["--aim", "worst"], "worst"),
    "sharing": (["--no-sharing"], False),
    "dry_run": (["--dry-run"], True),
    "smoke": (["--smoke"], True),
    "resume": (["--resume"], "latest"),
}


def read(*arguments: str) -> Options:
    return read_options("A question?", Options(), arguments)


def test_every_option_is_tried_below() -> None:
    assert {field.name for field in fields(Options)} == set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_each_option_is_read_and_changes_nothing_else(name: str) -> None:
    arguments, value = GIVEN[name]
    assert read(*arguments) == with_values(Options(), {name: value})
    assert getattr(Options(), name) != value


def test_nothing_given_leaves_the_defaults() -> None:
    assert read() == Options()
    assert read_options("?", Options(rank=3), []).rank == 3


def test_a_sweep_to_resume_can_be_named() -> None:
    assert read("--resume", "order-1").resume == "order-1"


def test_one_seed_is_an_option_too() -> None:
    assert read("--seed", "5").seeds == (5,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--taks", "digits"], "unknown option '--taks'. Did you mean '--tasks'"),
        (["--learning-rat=3", "--trails", "3"], "unknown option '--trails'. Did you mean '--trials'"),
        (["--trials", "many"], "invalid int value: 'many'; see --help"),
        (["--evaluate", "3"], "--evaluate: expected 2 arguments"),
        (["--aim", "best"], "invalid choice: 'best'"),
        (["--checkpoint-every", "-1"], "--checkpoint-every is -1.0; give seconds, 0 for never"),
        (["--trials", "0"], "--trials is 0; give 1 or more"),
        (["--fleets", "-1"], "--fleets is -1; give 1 or more"),
        (["--workers-per-fleet", "0"], "--workers-per-fleet is 0"),
        (["--min-workers-per-fleet", "0"], "--min-workers-per-fleet is 0"),
        (["--min-workers-per-fleet", "2"], "--min-workers-per-fleet is 2, more than --workers-per-fleet 1"),
        (["--evaluate", "-1", "3"], "give two numbers of records, 0 for all"),
        (["--seeds", "1", "1"], "--seeds are [1, 1]; give one or more, each once"),
        (["--tasks", "digits", "digits"], "the tasks digits, digits name one twice"),
        (["--downstream", "digits"], "the tasks easy-vqa, digits, easy-ve, piqa-twin, digits name one twice"),
        (["digits"], "unrecognized arguments: digits"),
    ],
)
def test_what_cannot_be_read_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        read(*arguments)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_twins_stand_for_tasks_downstream_tasks_and_orders() -> None:
    given = Options(tasks=("piqa", "piqa-twin")[:1], downstream=("piqa-twin",), orders=("2",), twins=True)
    with pytest.raises(AtlasError, match="name one twice"):
        with_twins(given)
    assert with_twins(replace(given, downstream=())).tasks == ("piqa-twin",)
    assert with_twins(Options(orders=("a,b",))).orders == ("a,b",)
    with pytest.raises(AtlasError, match="unknown twin 'digits-twin'"):
        with_twins(Options(tasks=("digits",), twins=True))


def test_no_seed_at_all_is_refused() -> None:
    with pytest.raises(AtlasError, match=r"--seeds are \[\]"):
        Options(seeds=())


def test_written_orders_are_read() -> None:
    options = read("--orders", "easy-ve,digits", "digits, easy-ve", "--tasks", "digits", "easy-ve")
    assert options.parsed_orders(options.tasks) == (("easy-ve", "digits"), ("digits", "easy-ve"))
    assert read("--orders", "3").parsed_orders(TASKS) == ()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("easy-vqa,digts,easy-ve,piqa-twin", "unknown task in an order 'digts'. Did you mean 'digits'"),
        ("digits,digits,easy-ve,piqa-twin", "names a task twice"),
        ("digits,easy-ve", "leaves out easy-vqa, piqa-twin; name every task"),
    ],
)
def test_an_order_that_is_none_is_refused(order: str, message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        read("--orders", order).parsed_orders(TASKS)
    assert message in str(refused.value)


def test_the_storage_is_the_option_the_environment_or_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ATLAS_STORAGE", raising=False)
    assert Options().root == tmp_path / "atlas"
    monkeypatch.setenv("ATLAS_STORAGE", str(tmp_path / "environment"))
    assert Options().root == tmp_path / "environment"
    assert Options(storage=str(tmp_path / "option")).root == tmp_path / "option"
    assert Options(storage="~/mine").root == tmp_path / "mine"


def test_a_storage_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(AtlasError, match=r"AWS_ACCESS_KEY_ID") as refused:
        Options(storage="s3://key:hunter2@bucket/atlas")
    assert "hunter2" not in str(refused.value)
