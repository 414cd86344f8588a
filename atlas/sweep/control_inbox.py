"""The inbox of a running sweep: commands from MLflow's tag and from an object store are brought into its journal."""

from __future__ import annotations

import threading
from typing import Protocol

from atlas.runtime.error_log import ErrorRow
from atlas.runtime.errors import UserError
from atlas.sweep.control import ControlJournal, read_command

LOOK_SECONDS = 3.0
JOIN_SECONDS = 30.0


class Tag(Protocol):
    """A tag that people set: its words, and what became of them (`ControlTag`)."""

    def words(self) -> str:
        """The words; empty where it is not set."""

    def clear(self) -> None:
        """Take the tag away."""

    def answer(self, words: str) -> None:
        """Show what became of the words."""


class ControlInbox:
    """Looks every few seconds, on a thread of its own: neither a server nor a store may hold up the supervisor.

    A context manager. `tag` is None where the sweep's sink has no tags. Where the process is killed between taking
    words down and clearing the tag, they are taken down twice: applied twice, no command does more than once.
    """

    def __init__(self, journal: ControlJournal, tag: Tag | None) -> None:
        self._journal, self._tag = journal, tag
        self._asked: list[str] = []
        self._errors = ErrorRow("reading commands for the sweep")  # of a store, a server, Ray, or a broken answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="control")

    def __enter__(self) -> ControlInbox:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(JOIN_SECONDS)

    def look(self) -> None:
        """Look once. The first of a row of errors is logged, and the next look tries again."""
        with self._errors.noted():
            if self._journal.place.is_remote:
                self._journal.fetch()
                self._journal.send()
            if self._tag is not None:
                self._answer(self._tag)
                self._take(self._tag)

    def _take(self, tag: Tag) -> None:
        if not (words := tag.words()):
            return
        try:
            self._asked.append(self._journal.post(read_command(words.split())))
        except UserError as error:
            tag.answer(f"{words}: {error}")
        tag.clear()

    def _answer(self, tag: Tag) -> None:
        for name in list(self._asked):
            if (answer := self._journal.answer_to(name)) is not None:
                tag.answer(answer.words)
                self._asked.remove(name)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()
