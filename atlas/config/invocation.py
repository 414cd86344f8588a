"""The command that started a sweep: its Python file, or the name by which it is shipped, and the arguments."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from atlas.runtime.redact import redacted

SHIPPED_FILE = re.compile(r"python sweeps/(\w+)\.py")
_shipped_name: ContextVar[str] = ContextVar("shipped_name", default="")


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A sweep's Python file and the arguments that it was started with.

    `shipped`: the name by which a sweep of the package was called, whose file is elsewhere on another machine.
    """

    file: str
    arguments: tuple[str, ...] = ()
    shipped: str = ""

    @classmethod
    def of_process(cls) -> Invocation:
        """The invocation of this process: the one place that reads `sys.argv`."""
        return cls(file=sys.argv[0], arguments=tuple(sys.argv[1:]), shipped=_shipped_name.get())

    @property
    def command(self) -> str:
        """The command as a shell takes it, without passwords."""
        return redacted(shlex.join([*self._program, *self.arguments]))

    def resume_command(self, storage: str, sweep_id: str) -> str:
        """The command that resumes the sweep."""
        return shlex.join([*self._program, "--storage", storage, "--resume", sweep_id])

    @property
    def program(self) -> str | None:
        """The name that a help calls it by; None for a file, which the process knows."""
        return shlex.join(self._program) if self.shipped else None

    def as_called(self, text: str) -> str:
        """The text with `atlas sweep NAME` for `python sweeps/NAME.py`, which only a checkout has, where called so."""
        return SHIPPED_FILE.sub(_by_name, text) if self.shipped else text

    @property
    def _program(self) -> tuple[str, ...]:
        return ("atlas", "sweep", self.shipped) if self.shipped else ("python", self.file)


def _by_name(found: re.Match[str]) -> str:
    return f"atlas sweep {found[1].replace('_', '-')}"


@contextmanager
def called_by_name(shipped: str) -> Iterator[None]:
    """Context in which this process runs the sweep of that name, which is shipped with the package."""
    token = _shipped_name.set(shipped)
    try:
        yield
    finally:
        _shipped_name.reset(token)
