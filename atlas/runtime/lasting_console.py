"""A terminal that outlasts its reader."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console


class LastingConsole(Console):
    """A console whose reader may leave, as that of `… | head` does: nothing more is shown, and the command goes on."""

    def on_broken_pipe(self) -> None:
        """Show nothing more. rich would exit, which ends a sweep that nobody looks at as one that failed."""
        with suppress(SystemExit):
            super().on_broken_pipe()
