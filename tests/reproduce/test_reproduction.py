"""From a recorded run to its report, with the recorded scores in place of training."""

from __future__ import annotations

import copy
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from atlas.cli import main
from atlas.reproduce import reproduction
from atlas.reproduce.plan import ReproduceOptions
from atlas.reproduce.reproduction import reproduce
from atlas.runtime.errors import AtlasError
from tests.reproduce.conftest import keep, recorded_of

Learn = Callable[[dict[str, Any]], None]


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Have the sweep end with this summary, on the data that it was recorded with."""

    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def set_up(summary: dict[str, Any]) -> None:
        count = itertools.count()
        data = recorded_of(summary).fingerprints

        def run(sweep: Any, options: Any, console: Any, *, invocation: Any) -> bool:
            assert invocation.arguments[:1] == ("--tasks",)
            keep({**summary, "sweep": {**summary["sweep"], "id": f"again-{next(count)}"}}, options.storage.local)
            return True

        step_inputs = SimpleNamespace(step_inputs=SimpleNamespace(data=data))
        monkeypatch.setattr(reproduction, "run", run)
        monkeypatch.setattr(reproduction, "resolve_inputs", lambda options, progress: step_inputs)

    return set_up


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=160, file=io.StringIO())


def test_equal_scores_are_told_and_the_temporary_storage_goes_away(
    summary: dict[str, Any], learnt: Learn, console: Console, tmp_path: Path
) -> None:
    learnt(summary)
    assert reproduce(recorded_of(summary), ReproduceOptions(report=tmp_path / "told.json"), console)
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["equal"], told["largest"], told["run"], told["status"]) == (True, 0, "a-sweep", "FINISHED")
    assert told["command"].startswith("python ")
    said = console.export_text()
    assert "equal (tolerance 0 points)" in said
    assert "storage:" not in said


def test_a_different_score_is_told_with_its_place_and_the_storage_is_kept(
    summary: dict[str, Any], learnt: Learn, console: Console, tmp_path: Path
) -> None:
    other = copy.deepcopy(summary)
    other["trials"][0]["R"]["val"]["own"][1][1] += 0.25
    learnt(other)
    into = tmp_path / "into"
    assert not reproduce(recorded_of(summary), ReproduceOptions(into=into), console)
    told = json.loads((into / "reproduction.json").read_text())
    assert (told["equal"], told["largest"]) == (False, 0.25)
    said = console.export_text()
    assert "DIFFERENT in 1 of 10 groups" in said
    assert f"storage: {into}" in said
    assert reproduce(recorded_of(summary), ReproduceOptions(into=into, tolerance=0.25), console)


def test_a_file_with_a_score_that_was_altered_is_different_at_that_place_and_ends_with_one(
    summary: dict[str, Any], learnt: Learn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt(copy.deepcopy(summary))
    order = summary["trials"][0]["order"]
    summary["trials"][0]["R"]["test"]["latest"][1][0] += 5.0
    file = tmp_path / "altered.json"
    file.write_text(json.dumps(summary))
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", str(file), "--into", str(tmp_path / "into")])
    assert ended.value.code == 1
    assert "DIFFERENT in 1 of 10 groups" in capsys.readouterr().out
    told = json.loads((tmp_path / "into" / "reproduction.json").read_text())
    (wrong,) = [one for one in told["compared"] if not one["equal"]]
    assert (wrong["split"], wrong["route"], wrong["missing"]) == ("test", "latest", 0)
    assert wrong["difference"] == pytest.approx(5.0)
    assert wrong["what"].startswith(" > ".join(order))
    assert [one["difference"] for one in told["compared"] if one["equal"]] == [0] * 9


def test_a_sweep_that_was_stopped_early_is_different(
    summary: dict[str, Any], learnt: Learn, console: Console, tmp_path: Path
) -> None:
    other = copy.deepcopy(summary)
    other["trials"].pop()
    other["sweep"]["status"] = "KILLED"
    learnt(other)
    assert not reproduce(recorded_of(summary), ReproduceOptions(into=tmp_path / "into", tolerance=100.0), console)
    told = json.loads((tmp_path / "into" / "reproduction.json").read_text())
    assert told["status"] == "KILLED"
    assert sum(one["missing"] for one in told["compared"]) == 4 * 3


def test_other_data_is_refused_before_anything_is_trained(
    summary: dict[str, Any], learnt: Learn, console: Console, tmp_path: Path
) -> None:
    other = copy.deepcopy(summary)
    other["tasks"]["digits"]["fingerprint"] = "0" * 64
    learnt(other)
    with pytest.raises(AtlasError, match="another experiment.*data of digits"):
        reproduce(recorded_of(summary), ReproduceOptions(into=tmp_path / "into"), console)
    assert not (tmp_path / "into" / "sweeps").exists()
