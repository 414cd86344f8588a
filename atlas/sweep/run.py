"""Run a sweep: read its options, check them, or put them together with those of an interrupted one, and launch it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.config.command_line import given_options, read_command_line
from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.sweep_check import check_searched, check_sweep
from atlas.runtime.console import make_console, say
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.interrupts import kept_interrupts
from atlas.runtime.redact import HIDDEN, redacted
from atlas.runtime.text import by_number, counted
from atlas.runtime.user_modules import keep_modules
from atlas.sweep.launch import RunEnd, launch
from atlas.tracking import signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


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
        about, program = invocation.as_called(sweep.question), invocation.program
        given = read_command_line(about, sweep.defaults, invocation.arguments, prog=program)
        fresh = given.options.run.smoke and not given.options.run.resume
        named = given_options(invocation.arguments).keys()
        options = sweep.smoke(given.options, named) if fresh else given.options
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
    usual = () if "tasks" in named else sweep.defaults.search.tasks
    experiment = Experiment(sweep=sweep, options=replace(options, search=options.search.resolved(usual)))
    experiment.check()
    console = console or make_console()
    if folder is None:
        experiment = _walk_whole(experiment, console)
    return launch(experiment, console, folder, address, invocation or Invocation.of_process())


def _walk_whole(experiment: Experiment, console: Console) -> Experiment:
    """The experiment of a sweep that begins: a space with fewer settings than trials is walked whole, each once."""
    from atlas.search.grid import walk_whole

    whole, asked = walk_whole(experiment), experiment.trial_count()
    if whole.trial_count() < asked:
        say(
            console,
            f"{counted(asked, 'trial')} {by_number(asked, 'is', 'are')} asked for; the space has "
            f"{counted(whole.trial_count(), 'setting')}, each is tried once",
        )
    return whole


def _save(options: Options, path: Path) -> None:
    """Write the options to a file, without a password of the tracking address, and as those of a new run."""
    from atlas.config.options_file import write_options_file

    address = redacted(options.storage.tracking_uri)
    write_options_file(options.changed(tracking_uri=address, dry_run=False, resume=None, changed=False), path)


def collect_sweeps() -> AbstractContextManager[list[Sweep]]:
    """Within it, `main` and `run` start nothing: they add their sweep to the list and leave by SystemExit."""
    return _listed_in(_collected)


def begun_sweeps() -> AbstractContextManager[list[Sweep]]:
    """Within it, the sweeps that `main` and `run` are given are added to the list; they run as they do without it."""
    return _listed_in(_begun)


@contextmanager
def _listed_in(variable: ContextVar[list[Sweep] | None]) -> Iterator[list[Sweep]]:
    """Within it, the variable holds a list that is new."""
    found: list[Sweep] = []
    token = variable.set(found)
    try:
        yield found
    finally:
        variable.reset(token)


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
