"""Run a sweep: read its options, check its inputs, print the plan, then drive it on the cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.config.command_line import given_options, read_command_line
from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.sweep_check import check_searched, check_sweep
from atlas.runtime.console import make_console, say
from atlas.runtime.errors import AtlasError, InfrastructureError, UserError
from atlas.runtime.interrupts import kept_interrupts
from atlas.runtime.redact import HIDDEN, redacted
from atlas.runtime.user_modules import keep_modules
from atlas.sweep.terminal import print_plan
from atlas.tracking import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from atlas.cluster.limits import Node
    from atlas.execution.sizing import FleetSize
    from atlas.search.proposals import Proposals
    from atlas.steps.graph import WalkGraph
    from atlas.sweep.folder import SweepFolder
    from atlas.sweep.inputs import SweepInputs
    from atlas.sweep.plan import Plan


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The end of a run: whether all its trials finished, and its folder (None after a dry run, which makes none)."""

    finished: bool
    folder: SweepFolder | None = None


_collected: ContextVar[list[Sweep] | None] = ContextVar("collected", default=None)
_begun: ContextVar[list[Sweep] | None] = ContextVar("begun", default=None)


def main(sweep: Sweep, arguments: Sequence[str] | None = None) -> None:
    """Run the sweep of a file under `sweeps/` from the command line, or with these arguments.

    Exits with 0; before any training with 2 for bad input, and with 3 where something that it needs is out of reach
    (store, cluster, tracking server); with 1 where a trial failed or the sweep was stopped.
    """
    _leave_if_collected(sweep)
    invocation = Invocation.of_process()
    if arguments is not None:
        invocation = replace(invocation, arguments=tuple(arguments))
    try:
        keep_modules(Path(invocation.file))
        check_sweep(sweep)
        given = read_command_line(sweep.question, sweep.defaults, invocation.arguments)
        fresh = given.options.run.smoke and not given.options.run.resume
        options = sweep.smoke(given.options) if fresh else given.options
        if given.save_config is not None:
            _save(options, given.save_config)
        with kept_interrupts():
            finished = run(sweep, options, invocation=invocation)
    except AtlasError as error:
        print(f"atlas: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("atlas: interrupted before the sweep began; the same command starts it", file=sys.stderr)
        sys.exit(1)
    sys.exit(0 if finished else 1)


def run(
    sweep: Sweep, options: Options, console: Console | None = None, *, invocation: Invocation | None = None
) -> bool:
    """Run `sweep`; True where all its trials finished. `invocation` is recorded as its command (None: the process's).

    Raises:
        UserError: bad input, before any training.
    """
    return run_sweep(sweep, options, console, invocation=invocation).finished


def run_sweep(
    sweep: Sweep, options: Options, console: Console | None = None, *, invocation: Invocation | None = None
) -> RunEnd:
    """As `run`; also gives the folder that the run wrote."""
    from atlas.config.addresses import with_names
    from atlas.config.resume import resumed_options
    from atlas.sweep.folder import SweepFolder
    from atlas.sweep.winner import with_winner

    _leave_if_collected(sweep)
    check_sweep(sweep)
    if options.run.changed and not options.run.resume:
        raise UserError("--changed goes on with an interrupted sweep; give it with --resume, or leave it out.")
    asked = options.storage.tracking_uri
    address = signed_in(asked or os.environ.get("MLFLOW_TRACKING_URI", ""))
    options = options.changed(tracking_uri=redacted(address))
    folder = None
    named = given_options(invocation.arguments).keys() if invocation is not None else ()
    if not options.run.resume:
        check_searched(sweep, options, named)
        options = with_winner(sweep, options, named)
    else:
        folder = SweepFolder.unfinished(options.storage.path, sweep.name, options.run.resume)
        saved = folder.options()
        address = address if asked else _resumed_address(saved.storage.tracking_uri, address)
        storage = options.storage.storage  # where it is now: it may have been moved since
        options = resumed_options(saved, options, sweep.defaults, named=named, searches_orders=sweep.searches_orders)
        options = options.changed(resume=folder.id, storage=storage, tracking_uri=redacted(address))
    options = with_names(options)
    experiment = Experiment(sweep=sweep, options=replace(options, search=options.search.with_twins()))
    experiment.check()
    console = console or make_console()
    if folder is None:
        experiment = _walk_whole(experiment, console)
    return _run(experiment, console, folder, address, invocation or Invocation.of_process())


def _walk_whole(experiment: Experiment, console: Console) -> Experiment:
    """The experiment of a sweep that begins: a space with fewer settings than trials is walked whole, each once."""
    from atlas.search.grid import walk_whole

    whole, asked = walk_whole(experiment), experiment.trial_count()
    if whole.trial_count() < asked:
        say(console, f"{asked} trials are asked for; the space has {whole.trial_count()} settings, each is tried once")
    return whole


def _save(options: Options, path: Path) -> None:
    """Write the options to a file, without a password of the tracking address, and as those of a new run."""
    from atlas.config.options_file import write_options_file

    address = redacted(options.storage.tracking_uri)
    write_options_file(options.changed(tracking_uri=address, dry_run=False, resume=None, changed=False), path)


@contextmanager
def collect_sweeps() -> Iterator[list[Sweep]]:
    """Within it, `main` and `run` start nothing: they add their sweep to the list and leave by SystemExit."""
    found: list[Sweep] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


@contextmanager
def begun_sweeps() -> Iterator[list[Sweep]]:
    """Within it, the sweeps that `main` and `run` are given are added to the list; they run as they do without it."""
    begun: list[Sweep] = []
    token = _begun.set(begun)
    try:
        yield begun
    finally:
        _begun.reset(token)


def _leave_if_collected(sweep: Sweep) -> None:
    if (begun := _begun.get()) is not None:
        begun.append(sweep)
    if (found := _collected.get()) is not None:
        found.append(sweep)
        raise SystemExit(0)


def _resumed_address(saved: str, given: str) -> str:
    """The tracking address of an interrupted sweep. Raises UserError where its password has to be given again."""
    if redacted(given) == saved:
        return given
    if HIDDEN in saved:
        raise UserError(
            f"the sweep logs to {saved}, whose user and password are not kept; set MLFLOW_TRACKING_URI to the whole "
            f"address (or give --tracking-uri) to go on with it."
        )
    return saved


def _run(
    experiment: Experiment, console: Console, folder: SweepFolder | None, address: str, invocation: Invocation
) -> RunEnd:
    from atlas.cluster.connect import join_cluster, leave_cluster
    from atlas.cluster.limits import nodes_for
    from atlas.execution.sizing import size_fleets
    from atlas.sweep.definition import define, opened
    from atlas.sweep.inputs import resolve_inputs

    options = experiment.options
    here = _machine(console, dry_run=options.run.dry_run)
    if here is not None:
        size_fleets(options.cluster, [here])
    with _preparing(console) as progress:
        inputs = resolve_inputs(options, progress, tracking_uri=address)
    definition = define(experiment, inputs.step_inputs, folder, console)
    if options.run.dry_run and here is not None:
        _show_plan(experiment, inputs, [here], console)
        return RunEnd(finished=True)
    join_cluster()
    try:
        nodes = nodes_for(growing=options.cluster.fleets is not None)
        proposals, plan, size = _show_plan(experiment, inputs, nodes, console)
        if options.run.dry_run:
            return RunEnd(finished=True)
        from atlas.sweep.driver import SweepDriver
        from atlas.sweep.earlier_runs import begin_run
        from atlas.sweep.sweep_run import SweepRun

        precision = size.precision_as(options.training.precision)
        sweep_run = SweepRun(
            experiment=replace(experiment, precision=precision),
            inputs=inputs,
            size=size,
            proposals=replace(proposals, exact=proposals.exact and not definition.changes),
            plan=plan,
            folder=opened(folder, experiment, definition, precision),
            invocation=invocation,
            changes=definition.changes,
        )
        sweep_run = replace(sweep_run, earlier=begin_run(sweep_run.folder, sweep_run.token))
        return RunEnd(finished=SweepDriver(sweep_run, console).drive(), folder=sweep_run.folder)
    finally:
        with suppress(KeyboardInterrupt):  # this process ends in any case, and the watchdog ends what is left
            leave_cluster()


def _machine(console: Console, *, dry_run: bool) -> Node | None:
    """This machine, where it is the cluster; None where one is joined.

    Raises InfrastructureError where none answers that is to be joined: the plan of a dry run is this machine's then.
    """
    from atlas.cluster.limits import own_machine, this_machine
    from atlas.cluster.reach import check_reachable, ray_address

    here = this_machine()
    try:
        check_reachable(ray_address())
    except InfrastructureError as error:
        if not dry_run:
            raise
        say(console, f"{error} The plan is for this machine.", wrap=True)
        return own_machine()
    return here


def _show_plan(
    experiment: Experiment, inputs: SweepInputs, nodes: Sequence[Node], console: Console
) -> tuple[Proposals, Plan, FleetSize]:
    """Print the plan; returns the trials that it counts, the plan, and the fleets for it."""
    from atlas.execution.sizing import fitted, size_fleets
    from atlas.search.proposals import foresee

    options = experiment.options
    size = size_fleets(options.cluster, nodes)
    experiment = replace(experiment, precision=size.precision_as(options.training.precision))
    proposals = foresee(experiment)
    plan = inputs.plan(proposals, experiment.auxiliary_walks(), at_once=size.fleets)
    _check_shares(inputs.graph, size)
    size = fitted(size, options.cluster, nodes, plan.work)
    plan = plan.on(size.fleets)
    settings = {**describe(options, size), "orders": experiment.orders_in_words()}
    print_plan(console, experiment.sweep.name, experiment.sweep.question, plan, settings)
    for warning in inputs.warnings:
        say(console, warning, wrap=True)
    return proposals, plan, size


def _check_shares(graph: WalkGraph, size: FleetSize) -> None:
    """Raises UserError where a fleet, of any size that an elastic one may have, cannot share a batch."""
    schedules = {stage.schedule for stage in graph.stages}
    for workers in size.numbers:
        for schedule in schedules:
            schedule.check_shared_by(workers)


def describe(options: Options, size: FleetSize) -> dict[str, str]:
    """The main settings, as the plan shows them."""
    each = f"{size.cpus:g} CPUs" + (f", {size.gpus:g} GPUs" if size.gpus else "")
    return {
        "tasks": ", ".join(options.search.tasks),
        **({"downstream": ", ".join(options.search.downstream)} if options.search.downstream else {}),
        "seeds": ", ".join(map(str, options.search.seeds)),
        "backbone": options.training.backbone,
        "fleets": f"{size.fleets} of {size.each} worker(s), {each} each, "
        f"{size.precision_as(options.training.precision)}",
        "storage": str(options.storage.path),
    }


@contextmanager
def _preparing(console: Console) -> Iterator[Callable[[str, int], None]]:
    """Show what is being prepared."""
    with console.status("checking backbone, data and storage …") as status:
        yield lambda split, records: status.update(f"preparing {split}: {records:,} records")
