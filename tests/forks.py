"""A process that has imported what others need, and forks them: to start Python with MLflow takes two CPU seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SERVE = """
import importlib, json, os, sys, traceback
for module in sys.argv[1:]:
    importlib.import_module(module)
for line in sys.stdin:
    asked = json.loads(line)
    if isinstance(asked, int):
        print(os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]), flush=True)
    elif child := os.fork():
        print(child, flush=True)
    else:
        os.dup2(2, 1)
        try:
            exec(asked, {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
"""


@dataclass(frozen=True)
class Forks:
    """Starts programs in processes of their own, which have the imports of the one that they are forked from."""

    process: subprocess.Popen[str]

    def start(self, program: str) -> int:
        """Start a program; gives its process id."""
        return self._ask(program)

    def wait(self, pid: int) -> int:
        """Wait for a process that was started; gives its exit code, 1 where it raised, below 0 where it was killed."""
        return self._ask(pid)

    def run(self, program: str) -> int:
        """Run a program to its end; gives its exit code."""
        return self.wait(self.start(program))

    def _ask(self, what: str | int) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def forks_with(*modules: str) -> Iterator[Forks]:
    """A process that has imported these modules, until the block ends."""
    command, pipe = [sys.executable, "-c", SERVE, *modules], subprocess.PIPE
    shell = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=shell) as process:
        yield Forks(process)
