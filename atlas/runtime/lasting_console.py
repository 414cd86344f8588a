"""A terminal that outlasts its reader."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console


class LastingConsole(Console):
    """A console whose reader may leave, as that of `… | head` does: nothing more is shown, and the command goes on."""

    def on_broken_pipe(self) -> None:
        """Show nothing more. rich would exit, and a sweep would end where its main thread prints a line."""
        with suppress(SystemExit):
            super().on_broken_pipe()
