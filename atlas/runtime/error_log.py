"""Errors that must not keep the rest from running: logged where they happen, and kept as lines to be shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line

log = logging.getLogger(__name__)


@dataclass
class ErrorLog:
    """The errors of several independent parts, a line each."""

    lines: list[str] = field(default_factory=list)

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Context whose exception is logged and noted as that of `what`, and not raised; an interrupt passes."""
        try:
            yield
        except Exception as error:
            line = f"{what}: {redacted(first_line(error))}"
            self.lines.append(line)
            log.error("%s", line, exc_info=_unexpected(error))


@dataclass
class ErrorRow:
    """The errors of a part that is tried again and again: the first of a row is logged, the last is kept as `error`."""

    what: str
    error: Exception | None = None

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Context whose exception is noted, and not raised; an interrupt passes. Without one, the row has ended."""
        try:
            yield
        except Exception as error:
            is_first, self.error = self.error is None, error
            if is_first:
                log.error("%s; trying again", self.notes[0].rstrip("."), exc_info=_unexpected(error))
        else:
            self.error = None

    @property
    def notes(self) -> tuple[str, ...]:
        """A line while it fails, else none."""
        return (f"{self.what} fails: {redacted(first_line(self.error))}",) if self.error is not None else ()


def _unexpected(error: Exception) -> Exception | None:
    """The error where its traceback is wanted: not where it is meant for people."""
    return None if isinstance(error, AtlasError) else error
