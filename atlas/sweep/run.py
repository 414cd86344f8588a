"""Run a sweep: check the ground, print the plan, search, report."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.config.command_line import read_command_line
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.runtime.errors import AtlasError
from atlas.runtime.interrupts import kept_interrupts
from atlas.runtime.redact import HIDDEN, redacted
from atlas.sweep.terminal import print_plan
from atlas.tracking import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from atlas.cluster.limits import Node
    from atlas.execution.sizing import FleetSize
    from atlas.steps.walk import Walk
    from atlas.sweep.folder import SweepFolder
    from atlas.sweep.inputs import SweepInputs
    from atlas.sweep.plan import Plan

PLAIN_WIDTH = 140
_reading: ContextVar[list[Sweep] | None] = ContextVar("reading", default=None)


def main(sweep: Sweep, arguments: Sequence[str] | None = None) -> None:
    """What a file under `sweeps/` calls: read the command line and run.

    Exits with 0; with 2 for bad input, before any training; with 1 where a trial failed or the sweep was stopped.
    """
    _read(sweep)
    try:
        given = read_command_line(sweep.question, sweep.defaults, sys.argv[1:] if arguments is None else arguments)
        options = sweep.smoke(given.options) if given.options.run.smoke else given.options
        if given.save_config is not None:
            _save(options, given.save_config)
        with kept_interrupts():
            whole = run(sweep, options)
    except AtlasError as error:
        print(f"atlas: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("atlas: interrupted before the sweep began; the same command starts it", file=sys.stderr)
        sys.exit(1)
    sys.exit(0 if whole else 1)


def run(sweep: Sweep, options: Options, console: Console | None = None) -> bool:
    """Run `sweep`; True where all its trials ended well.

    Raises:
        AtlasError: bad input, before any training.
    """
    from atlas.config.addresses import with_names
    from atlas.sweep.folder import SweepFolder

    _read(sweep)
    console = console or make_console()
    address = signed_in(options.storage.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", ""))
    options = options.changed(tracking_uri=redacted(address))
    folder = None
    if options.run.resume:
        folder = SweepFolder.unfinished(options.storage.path, sweep.name, options.run.resume)
        address = _again(folder.options().storage.tracking_uri, address)
        storage = options.storage.storage  # where it is now: it may have been moved since
        options = folder.options().changed(resume=folder.id, storage=storage)
    options = with_names(options)
    options = replace(options, search=options.search.with_twins())
    sweep.check(options)
    return _run(sweep, options, console, folder, address=address)


def _save(options: Options, path: Path) -> None:
    """Write the options to a file, without a password of the tracking address."""
    from atlas.config.options_file import write_options_file

    write_options_file(options.changed(tracking_uri=redacted(options.storage.tracking_uri)), path)


@contextmanager
def reading() -> Iterator[list[Sweep]]:
    """While it lasts, `main` and `run` start nothing: they add their sweep to the list and leave by SystemExit."""
    found: list[Sweep] = []
    token = _reading.set(found)
    try:
        yield found
    finally:
        _reading.reset(token)


def _read(sweep: Sweep) -> None:
    if (found := _reading.get()) is not None:
        found.append(sweep)
        raise SystemExit(0)


def _again(saved: str, address: str) -> str:
    """The address that an interrupted sweep logged to. Raises AtlasError where its password has to be given again."""
    if redacted(address) == saved:
        return address
    if HIDDEN in saved:
        raise AtlasError(
            f"the sweep logs to {saved}, whose user and password are not kept; set MLFLOW_TRACKING_URI to the whole "
            f"address (or give --tracking-uri) to go on with it."
        )
    return saved


def _run(sweep: Sweep, options: Options, console: Console, folder: SweepFolder | None, *, address: str) -> bool:
    from atlas.cluster.connect import join_cluster, leave_cluster
    from atlas.cluster.limits import nodes_for, this_machine
    from atlas.execution.sizing import size_fleets
    from atlas.sweep.folder import SweepFolder
    from atlas.sweep.inputs import resolve_inputs

    here = this_machine()
    if here is not None:
        size_fleets(options.cluster, [here])
    with _preparing(console) as progress:
        inputs = resolve_inputs(options, progress, tracking_uri=address)
    if options.run.dry_run and here is not None:
        _show_plan(sweep, options, inputs, [here], console)
        return True
    join_cluster()
    try:
        plan, size = _show_plan(sweep, options, inputs, nodes_for(growing=options.cluster.fleets is not None), console)
        if options.run.dry_run:
            return True
        from atlas.sweep.driver import SweepDriver

        folder = folder or SweepFolder.new(options.storage.path, sweep.name, options)
        return SweepDriver(
            sweep=sweep, options=options, inputs=inputs, size=size, plan=plan, folder=folder, console=console
        ).run()
    finally:
        with suppress(KeyboardInterrupt):  # it ends in any case, and what is left the warden ends
            leave_cluster()


def _show_plan(
    sweep: Sweep, options: Options, inputs: SweepInputs, nodes: Sequence[Node], console: Console
) -> tuple[Plan, FleetSize]:
    """Print the plan; gives it, and the fleets for it."""
    from atlas.execution.sizing import fitted, size_fleets
    from atlas.search.proposals import is_exact, rehearsed

    size = size_fleets(options.cluster, nodes)
    trials = rehearsed(sweep, options, size.precision)
    references = [walk for walks in sweep.references(options, size.precision).values() for walk in walks]
    references += sweep.bare_probes(options, size.precision)
    _check_shares([*(walk for trial in trials for walk in trial), *references], inputs, size)
    made = inputs.plan(trials, references, at_once=size.fleets, exact=is_exact(sweep, options))
    size = fitted(size, options.cluster, nodes, made.work)
    made = made.on(size.fleets)
    print_plan(console, sweep.name, sweep.question, made, describe(options, size))
    return made, size


def _check_shares(walks: Iterable[Walk], inputs: SweepInputs, size: FleetSize) -> None:
    """Raises AtlasError where a fleet of that size, or of one that an elastic fleet may have, cannot share a batch."""
    schedules = {step.stage.schedule for walk in walks for step in walk.every_step(inputs.step_inputs)}
    for workers in size.numbers:
        for schedule in schedules:
            schedule.check_shared_by(workers)


def describe(options: Options, size: FleetSize) -> dict[str, str]:
    """The settings that people ask for first."""
    each = f"{size.cpus:g} CPUs" + (f", {size.gpus:g} GPUs" if size.gpus else "")
    return {
        "tasks": ", ".join(options.search.tasks),
        "seeds": ", ".join(map(str, options.search.seeds)),
        "backbone": options.training.backbone,
        "fleets": f"{size.fleets} of {size.each} worker(s), {each} each, {size.precision}",
        "storage": str(options.storage.path),
    }


def make_console() -> Console:
    """The terminal, or wide plain lines where there is none."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


@contextmanager
def _preparing(console: Console) -> Iterator[Callable[[str, int], None]]:
    """Says what is being prepared, once it takes more than a moment."""
    with console.status("checking backbone, data and storage …") as status:
        yield lambda split, records: status.update(f"preparing {split}: {records:,} records")
