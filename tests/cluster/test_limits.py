from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from atlas.cluster import limits
from atlas.cluster.limits import HEAD, nodes_within_reach, this_machine, workers_of

ROOT = Path(__file__).resolve().parents[2]
THERE = [{HEAD: 1.0, "CPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}]


def cluster(most: int | None = None, **types: Any) -> dict[str, Any]:
    """A cluster's file with these types of workers."""
    head = {"head": {"resources": {"CPU": 4}, "max_workers": 0}}
    limits = {} if most is None else {"max_workers": most}
    return {**limits, "head_node_type": "head", "available_node_types": head | types}


def test_the_workers_are_those_of_all_types_but_the_head_and_no_more_than_the_file_allows() -> None:
    small, large = {"CPU": 2}, {"CPU": 8, "GPU": 1}
    types = {"small": {"resources": small, "max_workers": 3}, "large": {"resources": large, "max_workers": 2}}
    assert workers_of(cluster(9, **types)) == [large, large, small, small, small]
    assert workers_of(cluster(3, **types)) == [large, large, small]
    assert workers_of(cluster(None, **types)) == [large, large]
    assert workers_of(cluster(2, any={"resources": small})) == [small, small]


def test_the_cluster_of_google_cloud_reaches_to_what_its_file_says() -> None:
    file = yaml.safe_load((ROOT / "clusters" / "gcp" / "cluster.yaml").read_text())
    assert workers_of(file) == [{"CPU": 8, "GPU": 1}] * 16


def test_a_cluster_without_a_file_reaches_no_further_than_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_is_head", lambda: True)
    file = tmp_path / "cluster.yaml"
    assert nodes_within_reach(THERE, file) == THERE
    file.write_text(json.dumps(cluster(3, any={"resources": {"CPU": 16}})))
    assert nodes_within_reach(THERE, file) == [THERE[0], *[{"CPU": 16}] * 3]
    monkeypatch.setattr(limits, "_is_head", lambda: False)
    assert nodes_within_reach(THERE, file) == THERE


@pytest.mark.parametrize(
    ("listed", "count"),
    [
        (None, 4),
        ("0,1", 2),
        ("1,1", 1),
        ("0,1,2,3,4,5", 4),
        ("0,-1,1", 1),
        ("-1", 0),
        ("", 0),
        ("NoDevFiles", 0),
        ("GPU-8f2a,MIG-3b", 2),
    ],
)
def test_only_the_gpus_count_that_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listed: str | None, count: int
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(limits, "DEVICES", tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert (this_machine() or {}).get("GPU", 0.0) == count
