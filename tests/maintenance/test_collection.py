from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from atlas.maintenance.collection import DAY, Waste, find_waste, remove
from atlas.runtime.errors import AccessDenied, AtlasError
from atlas.storage.leases import StepLeases
from atlas.tracking import StepFinished, TrialStep
from atlas.tracking.event_lines import to_line
from tests.maintenance.conftest import Kept
from tests.small import World
from tests.sweep.parts import refuse_access


def orphan(kept: Kept, *, age: float, key: str = "e" * 64) -> Path:
    """An attempt at a step that was never committed."""
    folder = Path(kept.store.root) / "steps" / key[:2] / key / "attempt"
    folder.mkdir(parents=True)
    (folder / "head.safetensors").write_bytes(b"half")
    os.utime(folder / "head.safetensors", (time.time() - age,) * 2)
    return folder


def clear(kept: Kept, waste: Sequence[Waste]) -> None:
    for one in waste:
        remove(kept.store, one)


def test_a_finished_sweep_keeps_its_steps_and_its_references_alone(kept: Kept, small_world: World) -> None:
    named = {key for row in kept.summary["trials"] for key in row["step_keys"]} | set(kept.summary["reference_keys"])
    assert set(kept.store.keys()) == named
    assert find_waste(kept.store, kept.root).waste == []
    extra = small_world.walk("piqa-twin", "digits")
    small_world.learn(extra, kept.store)
    found = find_waste(kept.store, kept.root)
    assert {one.item.key for one in found.waste if one.item} == {step.key for step in extra}
    assert found.kept == {kept.sweep.name: len(named)}
    clear(kept, found.waste)
    assert set(kept.store.keys()) == named
    assert all(kept.store.verify(key) for key in named)


def test_without_its_folder_a_sweep_keeps_nothing(kept: Kept) -> None:
    shutil.rmtree(kept.sweep)
    found = find_waste(kept.store, kept.root)
    assert len(found.waste) == found.steps > 0


@pytest.mark.parametrize("status", ["KILLED", "FAILED"])
def test_an_unfinished_sweep_keeps_what_it_may_use_and_what_came_after_it_began(
    kept: Kept, small_world: World, status: str
) -> None:
    older = small_world.walk("piqa-twin")
    small_world.learn(older, kept.store)
    kept.write(status=status)
    os.utime(kept.sweep / "options.json", (time.time() + 1,) * 2)
    small = small_world.walk("digits", seed=7)
    small_world.learn(small, kept.store)
    found = find_waste(kept.store, kept.root)
    assert {one.item.key for one in found.waste if one.item} == {step.key for step in older}
    assert found.unfinished == [kept.sweep.name]
    os.utime(kept.sweep / "options.json", (0, 0))
    assert find_waste(kept.store, kept.root).waste == []


def test_a_sweep_that_was_killed_before_its_summary_keeps_what_its_options_allow(kept: Kept) -> None:
    (kept.sweep / "summary.json").unlink()
    os.utime(kept.sweep / "options.json", (time.time() + DAY,) * 2)
    assert find_waste(kept.store, kept.root).waste == []
    (kept.sweep / "options.json").write_text("{")
    with pytest.raises(AtlasError, match="It is unknown which steps"):
        find_waste(kept.store, kept.root)


def test_a_journal_keeps_the_steps_that_it_names(kept: Kept) -> None:
    kept.summary["trials"], kept.summary["best"], kept.summary["reference_keys"] = [], None, []
    kept.write()
    first, second, *_ = sorted(kept.store.keys())
    (kept.sweep / "spool").mkdir()
    lines = [
        to_line(StepFinished(key=first)),
        to_line(TrialStep(sweep="s", trial="1", step=second, tasks_seen=1)),
        b'{"kind":"trial_st',
    ]
    (kept.sweep / "spool" / "events.jsonl").write_bytes(b"".join(lines))
    found = find_waste(kept.store, kept.root)
    assert set(kept.store.keys()) - {one.item.key for one in found.waste if one.item} == {first, second}


def test_a_summary_of_before_keeps_every_step_that_learns_one_of_its_tasks_alone(kept: Kept) -> None:
    del kept.summary["reference_keys"]
    kept.write()
    assert find_waste(kept.store, kept.root).waste == []


def test_a_summary_that_cannot_be_read_keeps_everything(kept: Kept) -> None:
    (kept.sweep / "summary.json").write_text("{}")
    with pytest.raises(AtlasError, match="schema is None"):
        find_waste(kept.store, kept.root)


def test_a_sweep_that_this_user_may_not_read_keeps_everything(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_access(monkeypatch, kept.sweep)
    with pytest.raises(AccessDenied, match=f"unknown which steps the sweep {kept.sweep.name} keeps; .*their owner"):
        find_waste(kept.store, kept.root)


def test_attempts_that_were_never_committed_go_after_a_day(kept: Kept) -> None:
    old, young = orphan(kept, age=DAY + 60), orphan(kept, age=DAY - 60, key="f" * 64)
    key = next(iter(kept.store.keys()))  # committed by another attempt
    lost = orphan(kept, age=2 * DAY, key=key)
    found = find_waste(kept.store, kept.root)
    assert {one.path.split("/")[2] for one in found.waste} == {"e" * 64, key}
    assert {one.what for one in found.waste} == {"left by a write that was not finished"}
    clear(kept, found.waste)
    assert kept.store.verify(key)
    assert (old.exists(), lost.exists(), young.exists()) == (False, False, True)
    clear(kept, found.waste)


def test_entries_put_aside_go(kept: Kept) -> None:
    key = next(iter(kept.store.keys()))
    marker = Path(kept.store.root) / "steps" / key[:2] / key / "commit.json"
    marker.write_text("{}")
    assert kept.store.find(key) is None
    found = find_waste(kept.store, kept.root)
    assert [(one.what, one.path) for one in found.waste] == [("damaged entry, put aside", f"aside/{key}-1")]
    clear(kept, found.waste)
    assert not (Path(kept.store.root) / "aside" / f"{key}-1").exists()


def begun(kept: Kept, *, age: float, scope: str = "") -> Path:
    """A waypoint of a step that was never committed, its marker and its file."""
    folder = Path(kept.store.root) / scope / "underway" / "steps" / "ee" / f"{'e' * 64}-a"
    for path in (folder / "attempt" / "waypoint.safetensors", folder / "commit.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    return folder


@pytest.mark.parametrize("scope", ["", "private/t1"])
def test_checkpoints_go_once_they_are_old_and_no_sweep_is_unfinished(kept: Kept, scope: str) -> None:
    folder = begun(kept, age=DAY + 60, scope=scope)
    kept.write(status="KILLED")
    assert not [one for one in find_waste(kept.store, kept.root).waste if "underway" in one.path]
    kept.write(status="FINISHED")
    found = [one for one in find_waste(kept.store, kept.root).waste if "underway" in one.path]
    assert [(one.what, one.size) for one in found] == [("waypoint of a step given up", 8)]
    clear(kept, found)
    assert not folder.exists()


def test_a_waypoint_that_was_just_written_stays(kept: Kept) -> None:
    folder = begun(kept, age=DAY + 60)
    os.utime(folder / "commit.json")
    assert not [one for one in find_waste(kept.store, kept.root).waste if "underway" in one.path]


def test_the_claim_of_a_sweep_that_was_killed_goes_after_a_day(kept: Kept) -> None:
    claims = StepLeases(kept.store, "killed")
    claims.acquire("e" * 64)
    assert find_waste(kept.store, kept.root).waste == []
    (waste,) = find_waste(kept.store, kept.root, now=time.time() + DAY + 1).waste
    assert waste.what == "claim of a sweep that was killed"
    clear(kept, [waste])
    assert StepLeases(kept.store, "next").acquire("e" * 64)
