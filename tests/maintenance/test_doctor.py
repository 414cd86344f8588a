from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.cluster.options import ClusterOptions
from atlas.config.options import Options
from atlas.data.prepare import prepare
from atlas.maintenance.doctor import Finding, examine, judge, placeable
from atlas.maintenance.node_check import NodeReport, versions
from atlas.tasks import TASKS

WELL = NodeReport(node="10.0.0.1", versions=versions(), token=True, backbone="b")


def faults(*reports: NodeReport, tasks: tuple[str, ...] = ("digits",)) -> dict[str, str]:
    """The messages of the failed checks, by the item checked."""
    return {found.what: found.says for found in judge(reports, "b", tasks) if not found.ok}


def test_nodes_that_are_alike_and_have_everything_are_well() -> None:
    assert faults(WELL, replace(WELL, node="10.0.0.2", gpus=8, gpus_seen=8)) == {}


@pytest.mark.parametrize(
    ("changed", "what", "says"),
    [
        ({"failed": "ModuleNotFoundError: No module named 'atlas'"}, "node 10.0.0.2", "Install atlas-continual there"),
        ({"token": False}, "token", "RAY_AUTH_MODE=token and one RAY_AUTH_TOKEN on 10.0.0.2"),
        ({"versions": {**versions(), "torch": "1.0"}}, "versions", "10.0.0.2 has torch 1.0 instead of"),
        ({"gpus": 2, "gpus_seen": 1}, "GPUs", "Ray counts 2 on 10.0.0.2, torch sees 1"),
        ({"storage": "it is not the same folder there"}, "shared storage", "on 10.0.0.2: it is not the same folder"),
        ({"backbone": "c"}, "backbone on the nodes", "on 10.0.0.2: its folder is missing or other"),
        ({"lacks": ("digits",)}, "data on the nodes", "on 10.0.0.2: no prepared data for digits"),
    ],
)
def test_each_fault_of_a_node_is_told_with_what_to_do(changed: dict[str, object], what: str, says: str) -> None:
    found = faults(WELL, replace(WELL, node="10.0.0.2", **changed))  # type: ignore[arg-type]
    assert list(found) == [what]
    assert says in found[what]


def test_a_plan_that_fits_is_told_with_its_fleets_and_one_that_does_not_with_what_to_give() -> None:
    options = ClusterOptions(fleets=2, cpus_per_worker=6)
    fits = placeable(options, [{"CPU": 8.0}, {"CPU": 8.0}])
    assert (fits.ok, fits.says) == (True, "2 fleets of 1 worker, each with 6 CPUs and 0 GPUs, fit")
    refused = placeable(replace(options, gpus_per_worker=1), [{"CPU": 16.0}])
    assert (refused.ok, "the cluster has at most 0" in refused.says) == (False, True)


def test_a_finding_is_one_line_that_begins_with_its_verdict() -> None:
    assert str(Finding(what="token", ok=True, says="x")) == "ok   token: x"
    assert str(Finding(what="token", ok=False, says="x")) == "FIX  token: x"


@pytest.fixture
def no_cluster(storage: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A storage, and the address of a cluster that is not there."""
    monkeypatch.setattr("atlas.maintenance.doctor.join_cluster", _refuse)
    return storage


def _refuse() -> None:
    from atlas.runtime.errors import AtlasError

    raise AtlasError("no Ray cluster at 10.0.0.1")


def verdicts(options: Options) -> dict[str, bool]:
    return {found.what: found.ok for found in examine(options)}


def test_everything_that_needs_no_cluster_is_looked_at_where_there_is_none(no_cluster: Path) -> None:
    options = Options.of(tasks=("piqa-twin",))
    assert verdicts(options) == {
        "backbone": True,
        "choices": True,
        "data": False,
        "tracking": True,
        "storage": True,
        "cluster": False,
    }
    processor = Processor.load(locate("vilt-tiny"))
    prepare(TASKS["piqa-twin"], processor=processor, root=no_cluster / "data", limits=None)
    assert verdicts(options)["data"]


def test_data_that_is_missing_at_a_number_of_tokens_is_told_with_it(no_cluster: Path) -> None:
    found = {one.what: one for one in examine(Options.of(tasks=("piqa-twin",), tokens=9))}
    assert " --tokens 9 " in found["data"].says
    found = {one.what: one for one in examine(Options.of(tasks=("piqa-twin",), tokens=99))}
    assert "--tokens is 99" in found["backbone"].says


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"tasks": ("digts",)}, "unknown task 'digts'. Did you mean 'digits'"),
        ({"learner": "ewcc"}, "unknown learner 'ewcc'. Did you mean 'ewc'"),
        ({"learner": "head-only", "backbone": "clip-tiny", "towers": ("text",)}, "'head-only' trains no adapters"),
        ({"readout": "similarity"}, "the backbone vilt-tiny allows head"),
        ({"towers": ("text",)}, "the backbone vilt-tiny has one encoder"),
        (
            {"weights": "bfloat16"},
            "--weights and --recompute are for models that answer in words, and vilt-tiny is none",
        ),
        ({"source": ("digits=/",)}, "--source names a folder for digits, which reads none"),
        ({"source": ("vqa=/",)}, "--source names vqa, which is not in the sweep (digits)"),
    ],
)
def test_names_that_are_not_known_or_of_another_are_told(no_cluster: Path, changed: dict[str, Any], says: str) -> None:
    found = {one.what: one for one in examine(Options.of(**{"tasks": ("digits",), **changed}))}
    assert not found["choices"].ok
    assert says in found["choices"].says
    assert "data" not in found


def test_an_unknown_backbone_and_a_tracking_server_that_is_away_are_told_and_the_rest_is_looked_at(
    no_cluster: Path,
) -> None:
    found = {
        one.what: one for one in examine(Options.of(backbone="/nowhere/x", tracking_uri="http://me:pw@127.0.0.1:9"))
    }
    assert {name for name, one in found.items() if not one.ok} == {"backbone", "tracking", "cluster"}
    assert "there is no folder /nowhere/x" in found["backbone"].says
    assert "pw" not in found["tracking"].says
