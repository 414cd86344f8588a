from __future__ import annotations

from pathlib import Path

import pytest

from atlas.maintenance.node_check import NodeCheck, check_here, versions
from atlas.storage.store import Store
from atlas.sweep.provenance import PACKAGES
from tests.small import World


def check_of(store: Store, world: World) -> NodeCheck:
    Path(store.root, "mark").write_text("")
    return NodeCheck(
        store_uri=store.uri,
        mark="mark",
        backbone=str(world.worker_context.backbone.processor.folder),
        prepared={name: str(one.path) for name, one in world.prepared.items()},
    )


def test_a_node_that_has_everything_says_so(store: Store, small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    report = check_here("here", 0, check_of(store, small_world))
    assert (report.storage, report.lacks, report.token, report.failed) == ("", (), True, "")
    assert report.backbone == small_world.step_inputs.backbone
    assert report.versions.keys() == {"python", "atlas", *PACKAGES}


def test_a_folder_that_is_not_shared_is_found_and_left_alone(
    store: Store, small_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    other = str(tmp_path / "other")
    report = check_here(
        "there", 0, NodeCheck(store_uri=other, mark="mark", backbone="/nowhere", prepared={"digits": "/nowhere"})
    )
    assert report.storage == "it is not the same folder there"
    assert (report.backbone, report.lacks, report.token) == ("", ("digits",), False)
    assert not Path(other).exists()


def test_what_is_wrong_with_the_store_is_said(small_world: World) -> None:
    report = check_here("there", 0, NodeCheck(store_uri="s4://bucket/atlas", mark="mark"))
    assert "s4" in report.storage


def test_the_codes_digest_is_among_the_versions() -> None:
    assert versions() == versions()
    assert len(versions()["atlas"]) == 12
