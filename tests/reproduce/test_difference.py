from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from atlas.backbones import locate
from atlas.reproduce.difference import Difference, differences, of_data, refuse
from atlas.reproduce.replay import ClusterOverrides, replay_of
from atlas.runtime.errors import AtlasError
from tests.reproduce.conftest import SWEEPS, recorded_of

FILE = SWEEPS / "task_order.py"


def found(summary: dict[str, Any], placement: ClusterOverrides | None = None) -> dict[str, Difference]:
    recorded = recorded_of(summary)
    return {one.what: one for one in differences(recorded, replay_of(recorded, FILE, placement or ClusterOverrides()))}


def test_nothing_differs_where_the_run_was_made(summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    summary["origin"]["machine"]["joined"] = False
    assert found(summary) == {}


def test_other_versions_are_named_and_only_some_change_last_bits(summary: dict[str, Any]) -> None:
    summary["versions"] |= {"torch": "1.0", "mlflow": "1.0"}
    del summary["versions"]["peft"]
    seen = found(summary)
    assert (seen["torch"].recorded, seen["torch"].weight) == ("1.0", "inexact")
    assert seen["mlflow"].weight == "told"
    assert seen["peft"].recorded == "not recorded"


def test_another_machine_code_and_file_are_named(summary: dict[str, Any]) -> None:
    summary["origin"]["machine"]["processor"] = "abacus"
    summary["origin"] |= {"code": "c" * 64, "file_digest": "f" * 64}
    seen = found(summary)
    assert "abacus" in seen["machine"].recorded
    assert {what.split()[0]: one.weight for what, one in seen.items()} == {
        "machine": "inexact",
        "code": "told",
        "file": "told",
    }


def test_a_run_that_did_not_record_its_machine_may_be_of_another(summary: dict[str, Any]) -> None:
    del summary["origin"]
    assert found(summary)["machine"].weight == "inexact"


def test_another_backbone_and_other_data_are_refused(summary: dict[str, Any]) -> None:
    recorded = recorded_of(summary)
    refuse(of_data(recorded.fingerprints, recorded.fingerprints))
    with pytest.raises(
        AtlasError, match=r"another experiment.*data of digits: recorded 646967697473, here 000000000000"
    ):
        refuse(of_data(recorded.fingerprints, {**recorded.fingerprints, "digits": "0" * 64}))


def test_altered_weights_are_refused(summary: dict[str, Any], tmp_path: Path) -> None:
    replay = replay_of(recorded_of(summary), FILE, ClusterOverrides())
    folder = shutil.copytree(locate("vilt-tiny"), tmp_path / "vilt")
    summary["settings"]["backbone"] = str(folder)
    refuse(differences(recorded_of(summary), replay))
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    with pytest.raises(AtlasError, match=r"another experiment.*backbone"):
        refuse(differences(recorded_of(summary), replay))
    summary["settings"]["backbone"] = "/nowhere/x"
    with pytest.raises(AtlasError, match="there is no folder"):
        refuse(differences(recorded_of(summary), replay))


def test_a_placement_that_changes_the_order_of_sums_is_inexact(summary: dict[str, Any]) -> None:
    seen = found(summary, ClusterOverrides(fleets=1, workers_per_fleet=2))
    assert (seen["fleets"].weight, seen["workers_per_fleet"].weight) == ("told", "inexact")


def test_what_elastic_fleets_learnt_is_run_again_on_steady_ones_and_inexact(summary: dict[str, Any]) -> None:
    summary["settings"] |= {"workers_per_fleet": 4, "min_workers_per_fleet": 2}
    seen = found(summary)["min_workers_per_fleet"]
    assert (seen.recorded, seen.here, seen.weight) == ("2", "None", "inexact")
    replay = replay_of(recorded_of(summary), FILE, ClusterOverrides(workers_per_fleet=1))
    assert replay.options.cluster.min_workers_per_fleet is None


def test_settings_that_nobody_recorded_are_named(summary: dict[str, Any]) -> None:
    del summary["settings"]["aim"]
    assert found(summary)["aim"].here == "mean (the default)"
