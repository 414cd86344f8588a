from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas.cli import main
from tests.maintenance.conftest import SWEEP_ID, Kept


def store(kept: Kept, *arguments: str) -> None:
    main(["store", *arguments, "--storage", str(kept.root)])


def test_list_shows_every_step_with_size_and_time(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    store(kept, "list")
    lines = capsys.readouterr().out.splitlines()
    keys = list(kept.store.keys())
    assert {line[:12] for line in lines[:-1]} == {key[:12] for key in keys}
    assert lines[-1].startswith(f"{len(keys)} steps, ")
    assert any("digits (expansion) after easy-vqa" in line and "B  20" in line for line in lines)


def test_verify_names_a_damaged_step_and_ends_with_one(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    store(kept, "verify")
    count = len(list(kept.store.keys()))
    assert capsys.readouterr().out == f"{count} of {count} steps are whole\n"
    file = next(Path(kept.store.root).rglob("head.safetensors"))
    file.write_bytes(b"short")
    with pytest.raises(SystemExit) as ended:
        store(kept, "verify")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert f"damaged: {file.parent.parent}" in said
    assert f"{count - 1} of {count} steps are whole" in said


def test_lineage_shows_the_walk_and_what_is_gone(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    keys = kept.summary["trials"][0]["step_keys"]
    kept.store.remove(keys[0])
    store(kept, "lineage", keys[-1][:8])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:64] for line in lines] == keys
    assert [line.endswith("(not in the store)") for line in lines] == [True] + [False] * (len(keys) - 1)


@pytest.mark.parametrize("by", ["sweep", "key"])
def test_export_takes_a_sweep_or_a_key(kept: Kept, by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    what = SWEEP_ID if by == "sweep" else kept.summary["trials"][0]["step_keys"][-1]
    store(kept, "export", what, str(tmp_path / "stack"))
    assert "README.md says how to load them" in capsys.readouterr().out
    assert (tmp_path / "stack" / "README.md").is_file()


def test_collect_removes_only_when_told_to(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    extra = kept.world.walk("piqa-twin")
    kept.world.learn(extra, kept.store)
    store(kept, "collect")
    said = capsys.readouterr().out
    assert f"step {extra[0].key[:12]}, piqa-twin" in said
    assert "nothing was removed; --delete does it" in said
    assert kept.store.verify(extra[0].key)
    store(kept, "collect", "--delete")
    assert "removed" in capsys.readouterr().out
    assert kept.store.find(extra[0].key) is None
    store(kept, "collect")
    assert "may go" not in capsys.readouterr().out


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Time of change and kind of everything in it; a file that is written and removed changes its folder's."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("command", ["list", "verify", "lineage", "export", "collect", "report", "tasks"])
def test_what_only_reads_writes_nothing_into_the_storage(
    kept: Kept, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = kept.summary["trials"][0]["step_keys"][-1]
    arguments = {
        "lineage": ["store", "lineage", key],
        "export": ["store", "export", SWEEP_ID, str(tmp_path / "stack")],
        "report": ["report", SWEEP_ID, "--into", str(tmp_path / "page")],
        "tasks": ["tasks"],
    }
    before = state_of(kept.root)
    main([*arguments.get(command, ["store", command]), "--storage", str(kept.root)])
    assert state_of(kept.root) == before
    assert capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_report_of_a_storage_that_may_only_be_read_goes_into_the_current_folder(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept.sweep.chmod(0o555)
    main(["report", SWEEP_ID, "--storage", str(kept.root)])
    assert (tmp_path / SWEEP_ID / "report.html").is_file()


@pytest.mark.parametrize("arguments", [["list"], ["verify"], ["collect"]])
def test_a_storage_without_a_store_is_refused_and_not_made(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["store", *arguments, "--storage", str(tmp_path / "typo")])
    assert ended.value.code == 2
    assert "there is no store under" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
