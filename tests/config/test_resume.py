from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atlas.config.addresses import with_addresses
from atlas.config.options import Options
from atlas.config.resume import resumed_options
from atlas.runtime.errors import UserError

SAVED = Options.of(tasks=("digits", "easy-ve"), steps=50, seeds=(5,), fleets=2)
DEFAULTS = Options()


@pytest.mark.parametrize(
    "changed",
    [
        {"fleets": 4},
        {"workers_per_fleet": 2, "min_workers_per_fleet": 1},
        {"cpus_per_worker": 0.5},
        {"checkpoint_every": 5.0},
        {"loaders": 4, "cuda_graphs": False, "deterministic": True},
        {"recompute": True},
        {"source": ("vqa=/data/vqa",)},
        {"gpus_per_worker": 0.0},
    ],
)
def test_what_may_change_is_taken_and_the_rest_stays(changed: dict[str, Any]) -> None:
    found = resumed_options(SAVED, Options.of(resume="latest", **changed), DEFAULTS)
    assert found == SAVED.changed(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tasks": ("digits",)}, "--tasks is digits now, but the sweep was started with digits easy-ve, which cannot"),
        ({"steps": 60}, "--steps is 60 now, but the sweep was started with 50"),
        ({"tokens": 20}, "--tokens is 20 now, but the sweep was started with not given"),
        ({"seeds": (6, 7)}, "--seeds is 6 7 now, but the sweep was started with 5"),
        ({"weights": "4-bit"}, "--weights is 4-bit now, but the sweep was started with auto, which cannot change"),
        ({"learner": "ewc"}, "--learner is ewc now, but the sweep was started with atlas"),
        ({"trials": 9}, "--trials is 9 now, but the sweep was started with not given"),
        ({"orders": ("3",)}, "--orders is 3 now, but the sweep was started with none"),
        ({"sharing": False}, "--no-sharing is given now, but the sweep was started without it"),
        ({"backbone": "other"}, "--backbone is other now"),
        ({"smoke": True}, "--smoke is given now, but the sweep was started without it"),
        ({"sampler": "random"}, "--sampler is random now, but the sweep was started with not given"),
        ({"evaluate": (1, 2)}, "--evaluate is 1 2 now"),
        ({"trials": 9}, "which cannot change while it is resumed without --changed; add --changed to go on with it"),
        ({"orders": ("3",), "changed": True}, "--orders is 3 now"),  # each trial of this sweep walks them
    ],
)
def test_what_cannot_change_is_refused_by_name_with_what_was(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        resumed_options(SAVED, Options.of(resume="latest", **changed), DEFAULTS)
    assert message in str(refused.value)


def test_what_is_said_again_as_it_was_is_no_change() -> None:
    assert resumed_options(SAVED, SAVED.changed(resume="latest"), DEFAULTS, named=("tasks", "steps", "seeds")) == SAVED


def test_a_default_that_is_named_on_the_command_line_is_a_change() -> None:
    with pytest.raises(UserError, match="--seeds is 0 now, but the sweep was started with 5"):
        resumed_options(SAVED, Options(), DEFAULTS, named=("seeds",))
    assert resumed_options(SAVED, Options(), DEFAULTS, named=("fleets",)).cluster.fleets is None


def test_twins_are_the_tasks_that_they_stand_for() -> None:
    saved = Options.of(tasks=("piqa-twin",))
    assert resumed_options(saved, Options.of(tasks=("piqa",), twins=True), DEFAULTS, named=("twins",)) == saved


def test_a_dry_run_stays_one() -> None:
    assert resumed_options(SAVED, Options.of(dry_run=True), DEFAULTS).run.dry_run
    assert not resumed_options(SAVED, Options(), DEFAULTS).run.dry_run


def test_folders_are_kept_as_another_process_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = with_addresses(Options.of(backbone="./my vilt", source=("vqa=files/a=b", "piqa=~/x", "odd")))
    assert kept.training.backbone == str(tmp_path / "my vilt")
    assert kept.storage.source == (f"vqa={tmp_path}/files/a=b", f"piqa={Path.home()}/x", "odd")
    for name in ("vilt-tiny", "dandelin/vilt-b32-mlm"):
        assert with_addresses(Options.of(backbone=name)).training.backbone == name


@pytest.mark.parametrize(
    ("was", "asked", "found"),
    [
        ({}, {"trials": 9}, {"trials": 9}),
        ({"trials": 4}, {"trials": 9}, {"trials": 9}),
        ({"orders": ("3",)}, {"trials": 9}, {"trials": 9, "orders": ()}),
        ({"trials": 4}, {"orders": ("all",)}, {"trials": None, "orders": ("all",)}),
        ({"orders": ("a,b",)}, {"orders": ("a,b", "b,a")}, {"orders": ("a,b", "b,a")}),
        ({"orders": ("a,b",)}, {}, {}),
    ],
)
def test_the_number_of_trials_or_orders_changes_where_that_is_asked(
    was: dict[str, Any], asked: dict[str, Any], found: dict[str, Any]
) -> None:
    saved = SAVED.changed(**was)
    given = Options.of(resume="latest", changed=True, **asked)
    assert resumed_options(saved, given, DEFAULTS, searches_orders=True) == saved.changed(**found, changed=True)


def test_tasks_that_are_named_beside_a_suite_are_compared_though_they_are_the_sweeps_usual_ones() -> None:
    saved = Options.of(suite="mtil-twin").changed(tasks=("mnist-twin", "dtd-twin", "aircraft-twin"))
    usual = Options.of(tasks=("mnist-twin", "dtd-twin"))
    asked = usual.changed(suite="mtil-twin", resume="latest")
    with pytest.raises(UserError, match="--tasks is mnist-twin dtd-twin now, but .* mnist-twin dtd-twin aircraft-twin"):
        resumed_options(saved, asked, usual, named={"tasks", "suite"})
