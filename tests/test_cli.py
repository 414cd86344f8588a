from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from atlas.cli import main
from atlas.data import progress_bar
from tests.report.conftest import invented_summary


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Bad input gives one line on stderr, which is returned, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("atlas: ")
    assert said.count("\n") == 1
    return said


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    ledger = Path(__file__).parents[1] / "docs" / "ledger.json"
    command = [sys.executable, "-m", "atlas", "ledger", "show", "tuned-atlas", "--ledger", str(ledger)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 0


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from atlas.cli import main
from atlas.data import progress_bar
try:
    main(["--help"])
except SystemExit as ended:
    heavy = ("torch", "ray", "mlflow", "transformers", "optuna", "scipy")
    print(ended.code, [name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert all(command in done.stdout for command in ("tasks", "prepare", "report", "sweep"))


def test_no_command_and_an_unknown_one_end_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["prepar"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["prepare", "digits", "--tokens", "nan"],
            "argument --tokens: invalid int value: 'nan'; see atlas prepare --help",
        ),
        (["prepare", "digits", "--tokens", "1.5"], "invalid int value: '1.5'"),
        (["prepare", "digits", "--tokens", "0"], "--tokens is 0; vilt-tiny takes texts of 3 to 28 tokens"),
        (["tasks", "--tokens", "29"], "--tokens is 29; vilt-tiny takes texts of 3 to 28 tokens"),
        (["prepare", "digits", "--most-tied", "a few"], "invalid float value: 'a few'"),
        (["store", "lst"], "invalid choice: 'lst'"),
        (["show"], "the following arguments are required: SWEEP; see atlas show --help"),
        (["show", "x", "--storge", "y"], "unrecognized arguments: --storge y"),
    ],
)
def test_words_that_cannot_be_read_are_refused_in_one_line(
    storage: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refused(capsys, *arguments)


def test_tasks_are_prepared_and_then_listed_as_such(
    storage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 1e9)  # no line of progress, however slow the machine
    main(["prepare", "piqa-twin"])
    said = capsys.readouterr().out
    assert said.startswith("piqa-twin: ")
    assert "train 4,000" in said
    assert str(storage) in said
    main(["tasks"])
    listed = capsys.readouterr().out
    for name in ("piqa-twin", "digits", "easy-vqa"):
        assert name in listed
    assert "train" in listed


def test_another_storage_can_be_given(storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["prepare", "piqa-twin", "--storage", str(tmp_path / "other")])
    assert (tmp_path / "other" / "data" / "piqa-twin").is_dir()
    assert not storage.exists()


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published task in the catalogue, and its files."""
    from atlas.tasks import TASKS
    from tests.data.album import ALBUM, write_album

    monkeypatch.setitem(TASKS, "album", ALBUM)
    return write_album(tmp_path / "album")


@pytest.mark.parametrize("form", ["{}", "album={}"])
def test_a_published_task_is_prepared_once_from_its_source(
    storage: Path, album: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert "needs its published files" in refused(capsys, "prepare", "album")
    main(["prepare", "album", "--source", form.format(album)])
    assert "train 24, val 8, test 8" in capsys.readouterr().out
    main(["prepare", "album", "piqa-twin"])
    said = capsys.readouterr().out
    assert "train 24, val 8, test 8" in said
    assert f"already prepared, from {album}; --again prepares it anew" in said
    assert said.count("already prepared") == 1
    main(["prepare", "album", "--again"])
    assert "already prepared" not in capsys.readouterr().out
    main(["tasks", "album", "digits"])
    said = capsys.readouterr().out
    assert str(album) in said
    assert "digits: " in said


def test_broken_records_are_told_and_too_many_are_refused(
    storage: Path, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "images" / "val2.png").write_bytes(b"no image")
    said = refused(capsys, "prepare", "album", "--source", str(album))
    assert (
        "2 of 8 records of 'val' are broken, more than the 1 % that may be: val.jsonl:3: record 'val-2': picture"
        in said
    )
    main(["prepare", "album", "--source", str(album), "--most-broken", "0.25"])
    said = capsys.readouterr().out
    assert "2 of 8 records of val are broken and left out" in said
    assert "    val.jsonl:4: record 'val-3': picture 'val2.png'" in said
    assert "broken.jsonl" in said
    assert "It was prepared before with more" in refused(capsys, "prepare", "album")


def test_bad_sources_are_answered_in_one_line(storage: Path, album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("prepare", "album", "digits", "--source")
    assert "is not TASK=FOLDER" in refused(capsys, *both, str(album))
    assert "Did you mean 'album'" in refused(capsys, *both, f"albm={album}")
    assert "is not a folder" in refused(capsys, *both, "album=/nowhere")
    assert "a folder for digits, which reads none" in refused(capsys, *both, f"digits={album}")
    twice = ("--source", "/a", "--source=/b")
    assert "--source is given 2 times; give it once" in refused(capsys, "prepare", "album", *twice)
    assert "4 of 4 files are missing" in refused(capsys, "prepare", "album", "--source", str(storage.parent))
    assert "give 0 to 1" in refused(capsys, "prepare", "album", "--most-broken", "7")
    assert "Did you mean 'album'" in refused(capsys, "tasks", "albun")


def test_a_page_that_cannot_be_written_is_answered_in_one_line(
    storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = write_sweep(storage)
    (tmp_path / "file").touch()
    assert f"{tmp_path / 'file'} cannot be written: File exists; name another folder by --into" in refused(
        capsys, "report", str(summary), "--into", str(tmp_path / "file")
    )
    assert "Not a directory; name another" in refused(
        capsys, "report", str(summary), "--into", str(tmp_path / "file" / "x")
    )
    assert "is not named summary.json" in refused(capsys, "report", str(summary.rename(tmp_path / "mine.json")))


def test_bad_input_is_answered_in_one_line(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean 'digits'" in refused(capsys, "prepare", "digts")
    assert "Did you mean 'vilt-tiny'" in refused(capsys, "prepare", "digits", "--backbone", "vilt-tni")
    assert "is not a folder" in refused(capsys, "prepare", "digits", "--source", "/nowhere")
    assert "unknown sweep 'order-1'. There is none yet." in refused(capsys, "report", "order-1")
    assert "'' after 'report' is empty" in refused(capsys, "report", "")
    assert "unknown sweep" in refused(capsys, "report", "/nowhere/summary.json")
    assert "unknown sweep 'task-oder'. Did you mean 'task-order'" in refused(capsys, "sweep", "task-oder", "--smoke")
    assert "unknown sweep in" in refused(capsys, "show", "order-1", "--storage", str(write_sweep(storage).parents[2]))
    assert "has no sweep" in refused(capsys, "show", "order-1", "--storage", "/nowhere")
    assert "unknown sweep in" in (said := refused(capsys, "show", "[red]x[/x]"))
    assert "Nor is there a folder '[red]x[/x]'" in said
    assert "there is no sweep file sweeps/nothing.py" in refused(capsys, "sweep", "sweeps/nothing.py")


def test_a_report_is_drawn_again_by_id_and_by_path(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.finished import SWEEP

    folder = storage / "sweeps" / "order-1"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(empty_summary(SWEEP.name)))
    for given in ("order-1", str(folder / "summary.json")):
        main(["report", given])
        page = Path(capsys.readouterr().out.strip().splitlines()[0])
        assert page.is_relative_to(folder)
        assert page.exists()
        page.unlink()
    assert "no trial of this sweep finished" in refused(capsys, "report", "order-1", "--alpha")


def write_sweep(storage: Path, sweep: str = "order-20260101-000000-abcd") -> Path:
    """The summary of an invented sweep of that id."""
    document = invented_summary(2)
    path = storage / "sweeps" / sweep / "summary.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**document, "sweep": {**document["sweep"], "id": sweep}}))
    return path


def empty_summary(name: str) -> dict[str, object]:
    sweep = {"id": "order-1", "name": name, "question": "Which?", "command": "x", "started": "2026-01-01T00:00:00"}
    return {
        "schema": 1,
        "sweep": {**sweep, "finished": "2026-01-01T00:00:01", "status": "KILLED"},
        "settings": {},
        "versions": {},
        "seeds": [0],
        "plan": {"trials": 0, "trainings_without_sharing": 0, "distinct_steps": 0},
        "tasks": {},
        "trials": [],
        "references": {"lone": {}},
        "orders": [],
        "ledger": {"steps_trained": 0, "steps_reused": 0, "seconds_trained": 0.0, "seconds_saved": 0.0},
        "best": None,
    }
