from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas.cli import main
from atlas.learners.user_learner import USER_LEARNERS, USER_STAGES
from atlas.runtime.errors import AccessDenied
from atlas.storage.store import Store
from tests.maintenance.conftest import SWEEP_ID, Kept
from tests.read_only import read_only


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


def test_steps_of_ones_own_learner_are_read_by_its_file(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    key = kept.summary["trials"][0]["step_keys"][-1]
    with pytest.raises(SystemExit):
        store(kept, "lineage", key, "--learner", "/nowhere/mine.py:Mine")
    assert "there is no file /nowhere/mine.py" in capsys.readouterr().err
    store(kept, "lineage", key, "--learner", f"{Path(__file__).parents[2] / 'docs' / 'own_learner.py'}:SpringAdapter")
    assert USER_LEARNERS["spring-adapter"]
    assert USER_STAGES["spring"].kind == "spring"


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Time of change and kind of everything in it; a file that is written and removed changes its folder's."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


READERS = ("list", "verify", "lineage", "export", "collect", "report", "tasks", "show", "sweeps")


def read(kept: Kept, command: str, folder: Path) -> None:
    """Run a command that only reads the storage; what it writes goes below `folder`."""
    arguments = {
        "lineage": ["store", "lineage", kept.summary["trials"][0]["step_keys"][-1]],
        "export": ["store", "export", SWEEP_ID, str(folder / "stack")],
        "report": ["report", SWEEP_ID, "--into", str(folder / "page")],
        "tasks": ["tasks"],
        "show": ["show", SWEEP_ID],
        "sweeps": ["sweeps"],
    }
    main([*arguments.get(command, ["store", command]), "--storage", str(kept.root)])


@pytest.mark.parametrize("command", READERS)
def test_what_only_reads_writes_nothing_into_the_storage(
    kept: Kept, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state_of(kept.root)
    read(kept, command, tmp_path)
    assert state_of(kept.root) == before
    assert capsys.readouterr().out


def test_what_only_reads_works_where_nothing_can_be_written(
    kept: Kept, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    with read_only(kept.root):
        for command in READERS:
            read(kept, command, folder)
            assert capsys.readouterr().out, command


def test_a_report_of_a_storage_that_may_only_be_read_goes_into_the_current_folder(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with read_only(kept.root):
        main(["report", SWEEP_ID, "--storage", str(kept.root)])
    assert (tmp_path / "here" / SWEEP_ID / "report.html").is_file()


def test_what_would_write_to_a_storage_that_may_only_be_read_says_so_in_a_line(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["prepare", "digits"], ["store", "collect", "--delete"], ["report", SWEEP_ID, "--into", "x"]):
        with read_only(kept.root), pytest.raises(SystemExit) as ended:
            main([*(str(kept.root / word) if word == "x" else word for word in command), "--storage", str(kept.root)])
        (line,) = capsys.readouterr().err.splitlines()
        assert ended.value.code in (2, 3)
        assert "Read-only file system" in line or "Permission denied" in line


@pytest.mark.parametrize("command", ["list", "verify", "collect"])
def test_steps_that_this_user_may_not_read_are_one_line(
    kept: Kept, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(asked: Store) -> Iterator[str]:
        raise PermissionError(errno.EACCES, "Permission denied", f"{asked.root}/private/t1")

    monkeypatch.setattr(Store, "keys", refuse)
    with pytest.raises(SystemExit) as ended:
        store(kept, command)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith(f"atlas: access is refused: [Errno 13] Permission denied: '{kept.store.root}/private/t1'. ")


def test_what_may_not_be_removed_is_one_line_after_those_that_were(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = [*kept.world.walk("piqa-twin"), *kept.world.walk("piqa-twin", seed=7)]
    kept.world.learn(extra, kept.store)
    delete, gone = Store.remove, list[str]()

    def remove(asked: Store, key: str) -> None:
        if gone:
            raise AccessDenied("the store refuses access")
        gone.append(key)
        delete(asked, key)

    monkeypatch.setattr(Store, "remove", remove)
    with pytest.raises(SystemExit) as ended:
        store(kept, "collect", "--delete")
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err == "atlas: the store refuses access\n"
    (line,) = [line for line in said.out.splitlines() if line.startswith("removed")]
    assert gone[0][:12] in line


@pytest.mark.parametrize("arguments", [["list"], ["verify"], ["collect"]])
def test_a_storage_without_a_store_is_refused_and_not_made(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["store", *arguments, "--storage", str(tmp_path / "typo")])
    assert ended.value.code == 2
    assert "there is no store under" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
