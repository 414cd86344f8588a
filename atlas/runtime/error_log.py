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
            log.error("%s", line, exc_info=None if isinstance(error, AtlasError) else error)
