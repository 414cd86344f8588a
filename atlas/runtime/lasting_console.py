"""A terminal that outlasts its reader."""

from __future__ import annotations

import errno
from contextlib import suppress

from rich.console import Console


class LastingConsole(Console):
    """A console whose reader may leave, as that of `… | head` or a terminal that is closed does: nothing more is shown,
    and the command goes on.
    """

    def on_broken_pipe(self) -> None:
        """Show nothing more. rich would exit, and a sweep would end where its main thread prints a line."""
        with suppress(SystemExit):
            super().on_broken_pipe()

    def _check_buffer(self) -> None:
        """Write what is printed, as rich does. Of a terminal that is gone the system says EIO instead of EPIPE."""
        try:
            super()._check_buffer()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.on_broken_pipe()
