"""The seam between tracking and what shows it: a sink takes events, one after another."""

from __future__ import annotations

from typing import Protocol

from atlas.tracking.events import Event

ANSWER_SECONDS = 15.0  # for a server on a busy machine; where none is, that is told at once


class Sink(Protocol):
    """Destination of a sweep's events, chosen by the scheme of its address (`--tracking-uri`).

    Making one opens nothing; the first event does. One thread calls `apply`, in the order of the events. Events come
    again after a kill and on a resumed sweep: applying one twice must change nothing.
    """

    @property
    def name(self) -> str:
        """Name for messages, such as MLflow."""

    @property
    def address(self) -> str:
        """The address, with a password where it has one: print it `redacted`."""

    @property
    def registry(self) -> str | None:
        """The address of its model registry; None where it has none."""

    def check(self, timeout: float = ANSWER_SECONDS) -> None:
        """Raise AtlasError within about `timeout` seconds where events cannot be written; creates nothing."""

    def apply(self, event: Event) -> None:
        """Show the event. Raises whatever its client raises; it is retried unless `is_final`."""

    def is_final(self, error: Exception, attempts: int) -> bool:
        """Whether retrying `apply` is in vain after so many failed attempts, the last with this error."""

    def view(self, sweep: str) -> str:
        """The command, address or file by which a person sees the sweep; free of passwords.

        Where there are several lines, each is for after the one before.
        """
