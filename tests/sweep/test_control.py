"""Commands for a running sweep: how they are written, and the journal that none is lost from."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from atlas.runtime.errors import AccessDenied, StorageUnavailable, UserError
from atlas.storage.filesystem import StoragePath
from atlas.sweep.control import Answer, Command, ControlJournal, Pending, read_command
from tests.read_only import read_only


@pytest.fixture
def journal(tmp_path: Path) -> ControlJournal:
    return ControlJournal.of(StoragePath.at(tmp_path))


@pytest.mark.parametrize(
    "words",
    [
        *("pause", "resume", "stop-trial 7", "prune a,b", "enqueue a,b,c", "budget 20steps"),
        "enqueue --like 7f3a --with rank=16 rate=0.1",
    ],
)
def test_a_command_is_read_and_written_again(words: str) -> None:
    assert str(read_command(words.split())) == words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "unknown command ''. Known: budget, enqueue, pause, prune, resume, stop-trial"),
        ("puase", "unknown command 'puase'. Did you mean 'pause'?"),
        ("pause now", "`pause` takes no value, but 'now' is given; leave it out"),
        ("prune", "`prune` lacks its value; give prune PREFIX, the first tasks of orders, written a,b"),
        ("prune --like 7 --with rank=16", "`prune` takes no --like; give enqueue --like TRIAL --with NAME=VALUE"),
        (
            "enqueue --like 7",
            "`enqueue --like 7` is no trial like another; give enqueue --like TRIAL --with NAME=VALUE",
        ),
        ("enqueue a,b --with rank=16", "`enqueue a,b --with rank=16` is no trial like another"),
        ("budget 3days", "the budget '3days' is none; give a number with its unit"),
    ],
)
def test_another_is_refused_with_what_is_allowed(words: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        read_command(words.split())
    assert message in str(refused.value)


def test_commands_wait_in_their_order_until_they_are_answered(journal: ControlJournal) -> None:
    assert journal.pending() == Pending()
    first, second = (journal.post(Command(verb=verb)) for verb in ("pause", "resume"))
    assert [one.command.verb for one in journal.pending().commands] == ["pause", "resume"]
    journal.answer(journal.pending().commands[0], Answer(applied=True, words="paused"))
    assert [one.name for one in journal.pending().commands] == [second]
    assert journal.answer_to(first) == Answer(applied=True, words="paused")
    assert journal.answer_to(second) is None


def test_a_resumed_run_finds_what_was_applied_and_what_was_not_yet(journal: ControlJournal) -> None:
    for verb in ("pause", "budget", "resume"):
        journal.post(Command(verb=verb, value="5steps" if verb == "budget" else ""))  # type: ignore[arg-type]
    pause, budget, _ = journal.pending().commands
    journal.answer(pause, Answer(applied=True, words=""))
    journal.answer(budget, Answer(applied=False, words="no"))
    again = ControlJournal(journal.place)
    answers = {again.command(name).verb: again.answer_to(name) for name in again.answered()}
    assert {verb: answer.applied for verb, answer in answers.items() if answer} == {"pause": True, "budget": False}
    assert [one.command.verb for one in again.pending().commands] == ["resume"]


def test_a_file_that_is_no_command_is_named_and_keeps_no_other_from_its_turn(journal: ControlJournal) -> None:
    name = journal.post(Command(verb="pause"))
    (journal.place.local / "0.json").write_text('{"verb": "explode"}')
    (journal.place.local / "1.json").mkdir()
    pending = journal.pending()
    assert [one.name for one in pending.commands] == [name]
    assert [line.partition("json ")[2] for line in pending.broken] == [
        "is no command of a sweep; delete it.",
        "cannot be read: Is a directory.",
    ]


def test_a_file_that_is_no_answer_is_named(journal: ControlJournal) -> None:
    name = journal.post(Command(verb="pause"))
    (journal.place.local / f"{name}.answer.json").write_text("{")
    with pytest.raises(UserError, match=r"is no answer of a sweep; delete it, and its command is applied again"):
        journal.answer_to(name)


def test_commands_that_are_answered_are_not_read_again(
    journal: ControlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.post(Command(verb="pause"))
    journal.answer(journal.pending().commands[0], Answer(applied=True, words="paused"))
    read: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or b"")
    assert (journal.pending(), read) == (Pending(), [])


def test_a_folder_that_is_out_of_reach_is_told(journal: ControlJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(_: object) -> list[str]:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "listdir", stale)
    with pytest.raises(StorageUnavailable, match="control cannot be read: Stale file handle"):
        journal.pending()


def test_a_folder_that_may_only_be_read_is_told(journal: ControlJournal) -> None:
    journal.place.local.mkdir(parents=True)
    with read_only(journal.place.local), pytest.raises(AccessDenied, match="cannot be written into .*: Read-only"):
        journal.post(Command(verb="pause"))
