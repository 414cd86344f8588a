"""The command `atlas control`, as far as it needs no sweep that runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Thread

import pytest

from atlas.cli import main
from atlas.config.options import Options
from atlas.maintenance.control import find_running
from atlas.runtime.errors import UserError
from atlas.storage.filesystem import StoragePath
from atlas.sweep.control import Answer, ControlJournal
from atlas.sweep.folder import SweepFolder
from tests.report.conftest import invented_summary
from tests.sweep.parts import refuse_access


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_a_time_to_wait_that_would_never_end_is_refused(
    seconds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["control", "latest", "pause", "--wait", seconds, "--storage", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"atlas: --wait is {seconds}; give a number of seconds, 0 or more.\n"


def test_another_users_sweep_that_may_not_be_read_is_not_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, theirs = (SweepFolder.new(tmp_path, "order", Options()) for _ in range(2))
    refuse_access(monkeypatch, theirs.path)
    assert find_running(StoragePath.at(tmp_path), "latest") == own


def running_sweep(storage: Path, answer: Answer) -> tuple[SweepFolder, Thread]:
    """A sweep that has not ended, and a thread that gives its next command this answer."""
    folder = SweepFolder.new(storage, "order", Options())
    journal = ControlJournal.of(folder.place)

    def look() -> None:
        while not (commands := journal.pending().commands):
            time.sleep(0.01)
        journal.answer(commands[0], answer)

    return folder, Thread(target=look, daemon=True)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (Answer(applied=True, words="paused: no step is begun"), 0, "{}: paused: no step is begun\n"),
        (Answer(applied=False, words="it is paused already"), 2, "atlas: {} refuses `pause`: it is paused already\n"),
    ],
    ids=["applied", "refused"],
)
def test_the_answer_of_a_sweep_is_printed(
    answer: Answer, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sweep = running_sweep(tmp_path, answer)
    sweep.start()
    ended = 0
    try:
        main(["control", "latest", "pause", "--storage", str(tmp_path)])
    except SystemExit as end:
        ended = int(end.code or 0)
    sweep.join(10.0)
    assert not sweep.is_alive()
    assert ended == code
    assert "".join(capsys.readouterr()) == said.format(folder.id)


def test_a_sweep_that_does_not_answer_in_time_has_the_command_in_its_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    main(["control", folder.id, "prune", "a,b", "--wait", "0", "--storage", str(tmp_path)])
    said = capsys.readouterr().out
    assert said.startswith(f"{folder.id} has not answered within 0 s; `prune a,b` is in its journal and is applied")
    (posted,) = ControlJournal.of(folder.place).pending().commands
    assert str(posted.command) == "prune a,b"


def test_a_trial_that_is_to_be_like_another_is_asked_for_with_what_differs(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    like = ["enqueue", "--like", "0123", "--with", "rank=16"]
    main(["control", folder.id, *like, "--wait", "0", "--storage", str(tmp_path)])
    (posted,) = ControlJournal.of(folder.place).pending().commands
    assert str(posted.command) == " ".join(like)


def test_a_sweep_that_has_ended_or_was_never_there_cannot_be_controlled(tmp_path: Path) -> None:
    storage = StoragePath.at(tmp_path)
    folder = SweepFolder.new(tmp_path, "order", Options())
    folder.summary.write_text(json.dumps(invented_summary()))
    with pytest.raises(UserError, match=f"the sweep {folder.id} has ended; there is nothing to control"):
        find_running(storage, folder.id)
    for wanted in ("latest", "order-1"):
        with pytest.raises(UserError, match=f"running sweep '{wanted}'"):
            find_running(storage, wanted)
