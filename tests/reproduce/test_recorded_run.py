from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atlas.config.shipped import shipped_sweeps
from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import AtlasError
from tests.reproduce.conftest import recorded_of


def test_a_run_is_narrowed_to_a_trial_and_to_one_that_took_a_step(recorded: RecordedRun) -> None:
    first, second = recorded.trials
    assert recorded.narrowed("t1").trials == (second,)
    assert recorded.narrowed("t1").name == "a-sweep/t1"
    assert recorded.with_step(first.step_keys[-1]).trials == (first,)


def test_a_walk_of_several_stands_for_its_trial(summary: dict[str, Any]) -> None:
    for row, name in zip(summary["trials"], ("t0.0", "t0.1"), strict=True):
        row["id"] = name
    found = recorded_of(summary).narrowed("t0.1")
    assert (found.part, len(found.trials), len(found.groups)) == ("t0", 2, 1)


def test_an_unknown_trial_and_a_step_that_no_trial_took_are_refused(recorded: RecordedRun) -> None:
    with pytest.raises(AtlasError, match="unknown trial of a-sweep 't7'"):
        recorded.narrowed("t7")
    with pytest.raises(AtlasError, match="no trial of a-sweep took the step abc"):
        recorded.with_step("abc")


def test_trials_that_took_no_step_are_left_out_and_a_run_of_none_is_refused(summary: dict[str, Any]) -> None:
    summary["trials"][0]["step_keys"] = []
    found = recorded_of(summary)
    assert (len(found.groups), found.left_out) == (1, 1)
    summary["trials"][1]["step_keys"] = []
    with pytest.raises(AtlasError, match="trained nothing that could be compared"):
        recorded_of(summary)


@pytest.mark.parametrize(("name", "value", "said"), [("speed", 3, "does not know the recorded settings speed")])
def test_settings_of_another_version_are_refused(summary: dict[str, Any], name: str, value: Any, said: str) -> None:
    summary["settings"][name] = value
    with pytest.raises(AtlasError, match=said):
        recorded_of(summary)


def test_settings_that_cannot_be_read_are_refused(summary: dict[str, Any]) -> None:
    summary["settings"]["evaluate"] = ["many", 3]
    with pytest.raises(AtlasError, match="the recorded settings: training.evaluate.0 is 'many'"):
        recorded_of(summary)


def test_a_command_without_a_file_is_refused(summary: dict[str, Any]) -> None:
    summary["sweep"]["command"] = "python"
    with pytest.raises(AtlasError, match="names no sweep's file"):
        _ = recorded_of(summary).command


def test_the_file_of_a_shipped_sweep_is_the_one_here(summary: dict[str, Any]) -> None:
    summary["sweep"]["command"] = "atlas sweep task-order --tasks digits piqa-twin"
    file, *arguments = recorded_of(summary).command
    assert Path(file) == shipped_sweeps()["task-order"]
    assert arguments == ["--tasks", "digits", "piqa-twin"]
    summary["sweep"]["command"] = "atlas sweep task-oder"
    with pytest.raises(AtlasError, match="Did you mean 'task-order'"):
        _ = recorded_of(summary).command
