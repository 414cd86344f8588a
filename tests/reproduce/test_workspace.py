from __future__ import annotations

from pathlib import Path

import pytest

from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.workspace import check_workspace, clean_workspace
from atlas.runtime.errors import AtlasError


def test_a_temporary_place_goes_away_unless_it_is_to_be_kept(
    recorded: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with clean_workspace(None, recorded) as place:
        assert place.root.is_dir()
    assert not place.root.exists()
    with clean_workspace(None, recorded) as place:
        place.is_kept = True
    assert place.root.is_dir()
    for path in place.root.iterdir():
        path.unlink()
    place.root.rmdir()


def test_a_folder_that_was_named_stays_and_is_gone_on_with(recorded: RecordedRun, tmp_path: Path) -> None:
    into = tmp_path / "new" / "place"
    with clean_workspace(into, recorded) as place:
        (place.root / "step").write_text("learnt")
    with clean_workspace(into, recorded) as place:
        assert (place.root / "step").read_text() == "learnt"


def test_the_reproduction_of_another_run_is_not_gone_on_with(recorded: RecordedRun, tmp_path: Path) -> None:
    with clean_workspace(tmp_path / "place", recorded):
        pass
    with pytest.raises(AtlasError, match="holds no reproduction of a-sweep/t1"):
        check_workspace(tmp_path / "place", recorded.narrowed("t1"))


def test_a_cluster_needs_a_folder_that_its_nodes_see(
    recorded: RecordedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    check_workspace(tmp_path / "shared", recorded)
    with pytest.raises(AtlasError, match="give --into a folder that all of its nodes see"):
        check_workspace(None, recorded)


def test_a_folder_with_anything_else_in_it_is_refused(recorded: RecordedRun, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with pytest.raises(AtlasError, match="is not empty"):
        check_workspace(tmp_path, recorded)
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match="is no folder"):
        check_workspace(tmp_path / "file", recorded)
