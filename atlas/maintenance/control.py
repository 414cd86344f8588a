"""The command `atlas control`: pause, steer and end a running sweep from another terminal."""

from __future__ import annotations

import argparse
import math
import time
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError, unknown

if TYPE_CHECKING:
    from atlas.storage.filesystem import StoragePath
    from atlas.sweep.control import Answer, ControlJournal
    from atlas.sweep.folder import SweepFolder

EPILOG = """pause                no further step begins; those in training end
resume               go on
stop-trial TRIAL     end a trial (its id, as MLflow and the summary have it) at its next report
prune PREFIX         go on with no order that begins with these tasks, written a,b
enqueue ORDER        begin this order next, written a,b,c
enqueue --like TRIAL --with NAME=VALUE   begin a trial like that one next, with a setting changed
budget BUDGET        another budget: 8h, 200gpu-h, 500steps or none"""
POLL_SECONDS = 0.5


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `atlas control`."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("sweep", metavar="SWEEP", help="its id, or `latest` for the one that was started last")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="one of those below, with its value")
    parser.add_argument(
        "--like", default="", metavar="TRIAL", help="with enqueue: the trial that another is to be like"
    )
    changes = "what is different in it"
    parser.add_argument("--with", dest="changes", nargs="+", default=[], metavar="NAME=VALUE", help=changes)
    parser.add_argument("--storage", default="", help="default: $ATLAS_STORAGE or ~/atlas")
    parser.add_argument("--wait", type=float, default=20.0, metavar="SECONDS", help="for the answer (default: 20)")
    parser.set_defaults(run=control)


def control(given: argparse.Namespace) -> None:
    """Post a command into the sweep's journal, and print its answer.

    Raises:
        UserError: a bad command or time to wait, an unknown sweep, one that has ended, or that refuses the command.
    """
    from atlas.storage.options import StorageOptions
    from atlas.sweep.control import LIKE, WITH, ControlJournal, read_command

    if not 0 <= given.wait < math.inf:
        raise UserError(f"--wait is {given.wait:g}; give a number of seconds, 0 or more.")
    like = [LIKE, given.like] if given.like else []
    command = read_command([*given.command, *like, *([WITH, *given.changes] if given.changes else [])])
    folder = find_running(StorageOptions(storage=given.storage).path, given.sweep)
    journal = ControlJournal.of(folder.place)
    name = journal.post(command)
    journal.send()
    answer = _await(journal, name, given.wait)
    if answer is None:
        print(
            f"{folder.id} has not answered within {given.wait:g} s; `{command}` is in its journal and is applied, or "
            f"refused, once the sweep runs"
        )
    elif not answer.applied:
        raise UserError(f"{folder.id} refuses `{command}`: {answer.words}")
    else:
        print(f"{folder.id}: {answer.words}")


def find_running(storage: StoragePath, wanted: str) -> SweepFolder:
    """The sweep of that id, or the latest, that has not ended. Raises UserError where there is none."""
    from atlas.sweep.folder import OPTIONS, SweepFolder

    folders = {one.id: one for one in SweepFolder.all(storage) if one.has(OPTIONS)}
    open_ = {name: one for name, one in folders.items() if not one.is_finished()}
    if wanted == "latest" and open_:
        return max(open_.values(), key=lambda one: (one.path / OPTIONS).stat().st_mtime)
    if wanted in open_:
        return open_[wanted]
    if wanted in folders:
        raise UserError(f"the sweep {wanted} has ended; there is nothing to control.")
    raise unknown("running sweep", wanted, open_)


def _await(journal: ControlJournal, name: str, seconds: float) -> Answer | None:
    deadline = time.monotonic() + seconds
    while True:
        journal.fetch()
        if (answer := journal.answer_to(name)) is not None or time.monotonic() >= deadline:
            return answer
        time.sleep(POLL_SECONDS)
