"""Run a sweep: check the ground, print the plan, search, report."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.config.options import Options, read_options, with_twins
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
        options = read_options(sweep.question, sweep.defaults, arguments)
        with kept_interrupts():
            whole = run(sweep, sweep.smoke(options) if options.smoke else options)
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
    from atlas.sweep.folder import SweepFolder

    _read(sweep)
    console = console or make_console()
    address = signed_in(options.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", ""))
    options = replace(options, tracking_uri=redacted(address))
    folder = None
    if options.resume:
        folder = SweepFolder.unfinished(options.place, sweep.name, options.resume)
        address = _again(folder.options().tracking_uri, address)
        options = replace(folder.options(), resume=folder.id)
    options = with_twins(by_name(options))
    sweep.check(options)
    return _run(sweep, options, console, folder, address=address)


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


def by_name(options: Options) -> Options:
    """A user's own tasks and learner (`mine.py:NAME`) by their names, which steps are made of. Raises AtlasError."""
    from atlas.learners import find_learner
    from atlas.tasks import find_task

    tasks, downstream = (tuple(find_task(name).name for name in names) for names in (options.tasks, options.downstream))
    return replace(options, tasks=tasks, downstream=downstream, learner=find_learner(options.learner).name)


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
    if options.dry_run and here is not None:
        _show_plan(sweep, options, inputs, [here], console)
        return True
    join_cluster()
    try:
        plan, size = _show_plan(sweep, options, inputs, nodes_for(growing=options.fleets is not None), console)
        if options.dry_run:
            return True
        from atlas.sweep.driver import SweepDriver

        folder = folder or SweepFolder.new(options.place, sweep.name, options)
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
        "tasks": ", ".join(options.tasks),
        "seeds": ", ".join(map(str, options.seeds)),
        "backbone": options.backbone,
        "fleets": f"{size.fleets} of {size.each} worker(s), {each} each, {size.precision}",
        "storage": str(options.place),
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
