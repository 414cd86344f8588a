from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas.cli import main
from atlas.report import write_summary
from atlas.tasks.user_task import USER_TASKS
from tests.report.conftest import typed
from tests.reproduce.conftest import SWEEPS, invented, keep

ROOT = Path(__file__).parents[2]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Bad input gives one line on stderr, which is returned, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_dry_run_prints_what_would_be_run_and_what_differs_and_starts_nothing(
    summary: dict[str, Any], storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary["versions"]["torch"] = "1.0"
    keep(summary, storage)
    main(["reproduce", "a-sweep", "--dry-run", "--into", str(tmp_path / "into")])
    said = capsys.readouterr().out
    order = ",".join(summary["trials"][0]["order"])
    for phrase in ("recorded command", "torch 1.0", "last bits may differ", "646967697473", "evaluate=40 60", order):
        assert phrase in said
    assert "tolerance: 15.8114 points" in said
    assert not (tmp_path / "into").exists()


def test_what_makes_it_another_experiment_is_refused_even_in_a_dry_run(
    summary: dict[str, Any], storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary["settings"]["backbone"] = "/nowhere/x"
    keep(summary, storage)
    assert "another experiment" in refused(capsys, "reproduce", "a-sweep", "--dry-run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-sweep"], "unknown run"),
        (["a-sweep/t9"], "unknown trial"),
        (["a-sweep", "--tolerance", "-1"], "--tolerance is -1"),
        (["a-sweep", "--file", "none.py"], "there is no sweep file none.py"),
        (["a-sweep", "--into", "."], "is not empty"),
        (["a-sweep", "--task", "none.py:TASK"], "there is no file"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(
    summary: dict[str, Any], storage: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    keep(summary, storage)
    assert message in refused(capsys, "reproduce", *arguments)


def test_a_task_of_ones_own_whose_file_is_gone_is_refused(
    summary: dict[str, Any], storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary["tasks"]["letters"] = summary["tasks"]["digits"]
    keep(summary, storage)
    assert "name its file: --task FILE.py:NAME" in refused(capsys, "reproduce", "a-sweep", "--dry-run")


def test_a_task_of_ones_own_is_known_by_its_file(
    storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"{ROOT / 'docs' / 'own_task.py'}:TASK"
    keep(invented(SWEEPS / "task_order.py", "--tasks", "digits", address), storage)
    name = next(name for name, (known, _) in USER_TASKS.items() if known == address)
    monkeypatch.delitem(USER_TASKS, name)
    main(["reproduce", "a-sweep", "--dry-run"])
    assert f"data of {name}" in capsys.readouterr().out
    assert name in USER_TASKS


def test_a_run_without_any_score_is_refused(
    summary: dict[str, Any], storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in summary["trials"]:
        row["R"] = {}
    summary["references"] = {"lone": {}}
    keep(summary, storage)
    assert "has no score that could be compared" in refused(capsys, "reproduce", "a-sweep")


def test_a_finished_sweep_goes_into_the_ledger_and_is_listed_shown_and_checked(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    ledger = ["--ledger", str(tmp_path / "ledger.json")]
    path = tmp_path / "summary.json"
    write_summary(typed(invented(SWEEPS / "task_order.py", "--tasks", "digits", "piqa-twin")), path)
    main(["ledger", "add", "two-tasks", str(path), *ledger])
    assert "figures of `python sweeps/task_order.py --tasks digits piqa-twin`" in capsys.readouterr().out
    main(["ledger", "list", *ledger])
    assert capsys.readouterr().out.startswith("two-tasks  2026-01-01  python sweeps/task_order.py")
    main(["ledger", "show", "two-tasks", *ledger])
    assert "test/latest" in capsys.readouterr().out
    main(["ledger", "check", "two-tasks", "--dry-run", *ledger])
    assert "Nothing that was recorded differs here." in capsys.readouterr().out
    found = json.loads((tmp_path / "ledger.json").read_text())
    assert found["entries"].keys() == {"two-tasks"}
