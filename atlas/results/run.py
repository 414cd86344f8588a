"""Running a sweep from Python."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.config.command_line import as_arguments
from atlas.config.invocation import Invocation
from atlas.config.options import Options
from atlas.config.shipped import find_sweep
from atlas.config.sweep import Sweep
from atlas.report import read_summary
from atlas.results.sweep_result import SweepResult
from atlas.runtime.errors import UserError
from atlas.runtime.interrupts import kept_interrupts
from atlas.sweep.file import load_sweep
from atlas.sweep.run import run_sweep

if TYPE_CHECKING:
    from rich.console import Console


def run(
    sweep: Sweep | str | Path, options: Options | None = None, *, quiet: bool = False, **changed: Any
) -> SweepResult:
    """Run a sweep to its end, as its command does, and give its result; its `status` says whether all trials finished.

    `sweep` is a value, the name of a shipped one, or a Python file that defines one. `options` are its own defaults
    unless given; `changed` are further ones by their flat names: `atlas.run("task-order", steps=20, seeds=(0, 1))`.
    `quiet` prints nothing.

    Raises:
        UserError: bad input, before any training; a dry run, which has no result.
        InfrastructureError: a store, cluster or server that is out of reach.
    """
    found, invocation = _found(sweep)
    if options is not None and not isinstance(options, Options):
        raise UserError(f"options are {options!r:.80}; give Options.of(steps=20, …), or the values by name: steps=20.")
    options = (options or found.defaults).changed(**changed)
    if options.run.dry_run:
        raise UserError("dry_run prints the plan alone, which is no result; leave it out, or use --dry-run in a shell.")
    if invocation is not None:
        invocation = replace(invocation, arguments=tuple(as_arguments(options, found.defaults, named=changed)))
    if options.run.smoke and not options.run.resume:
        options = found.smoke(options, named=changed)
    with kept_interrupts():
        end = run_sweep(found, options, _silent() if quiet else None, invocation=invocation)
    if end.folder is None or not end.folder.summary.is_file():
        raise UserError(f"the sweep {found.name} was stopped before it had a result; resume='latest' goes on with it.")
    return SweepResult(summary=read_summary(end.folder.summary), storage=options.storage.path, folder=end.folder.path)


def _found(sweep: Sweep | str | Path) -> tuple[Sweep, Invocation | None]:
    """The sweep, and the file or name to record as its command (None: this process's own)."""
    if isinstance(sweep, Sweep):
        return sweep, None
    file, name = find_sweep(str(sweep))
    return load_sweep(file), Invocation(file=str(file), shipped=name)


def _silent() -> Console:
    from rich.console import Console

    return Console(file=io.StringIO(), width=140, markup=False, emoji=False, force_jupyter=False)
