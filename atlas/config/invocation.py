"""The command that started a sweep: its Python file and arguments."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass

from atlas.runtime.redact import redacted


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A sweep's Python file and the arguments that it was started with."""

    file: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def of_process(cls) -> Invocation:
        """The invocation of this process: the one place that reads `sys.argv`."""
        return cls(file=sys.argv[0], arguments=tuple(sys.argv[1:]))

    @property
    def command(self) -> str:
        """The command as a shell takes it, without passwords."""
        return redacted(shlex.join(["python", self.file, *self.arguments]))

    def resume_command(self, storage: str, sweep_id: str) -> str:
        """The command that resumes the sweep."""
        return shlex.join(["python", self.file, "--storage", storage, "--resume", sweep_id])
