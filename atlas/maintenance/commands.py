"""The command `atlas store`: list, verify, lineage, export, collect."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted
from atlas.storage.filesystem import StoragePath
from atlas.storage.options import StorageOptions

if TYPE_CHECKING:
    from atlas.storage.store import Store


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands, each of which sets `run`, to the parser of `atlas store`."""
    commands = parser.add_subparsers(metavar="WHAT", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        made.add_argument("--storage", default="", help="default: $ATLAS_STORAGE or ~/atlas")
        return made

    command("list", _list, "list all steps: key, title, size, when")
    command("verify", _verify, "compare every file with its recorded digest; exit code 1 where one differs")
    lineage = command("lineage", _lineage, "show what a step builds on")
    lineage.add_argument("key", metavar="KEY")
    export = command(
        "export",
        _export,
        "write a sweep's best stack, or that after a step, as a PEFT folder with processor and answers",
    )
    export.add_argument("what", metavar="SWEEP_OR_KEY")
    export.add_argument("folder", metavar="FOLDER", type=Path)
    backbone = "the backbone that it was trained on, for its processor (default: by its name)"
    export.add_argument("--backbone", metavar="NAME", default="", help=backbone)
    for made in (lineage, export):
        made.add_argument("--learner", metavar="FILE.py:NAME", default="", help="your own, whose steps they are")
    collect = command("collect", _collect, "show what no sweep under the storage keeps")
    collect.add_argument("--delete", action="store_true", help="remove it, too")


def _open(given: argparse.Namespace, *, write: bool = False) -> tuple[Store, StoragePath]:
    """The store of the storage, which has to be there already, and the storage. Without `write` nothing is written."""
    from atlas.storage.store import Store

    storage = StorageOptions(storage=given.storage).path
    if "store" not in storage.folders():
        raise UserError(f"there is no store under {storage}; give --storage, or run a sweep there first.")
    address = str(storage / "store")
    return Store.open(address) if write else Store.at(address), storage


def _list(given: argparse.Namespace) -> None:
    from rich.filesize import decimal

    from atlas.maintenance.inventory import inventory

    items = sorted(inventory(_open(given)[0]), key=lambda item: item.ended)
    for item in items:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.ended))
        where = f"  [{item.store.scope}]" if item.store.scope else ""
        print(f"{item.key[:12]}  {decimal(item.size):>9}  {when}  {item.title}{where}")
    print(f"{counted(len(items), 'step')}, {decimal(sum(item.size for item in items))}")


def _verify(given: argparse.Namespace) -> None:
    from atlas.maintenance.inventory import places

    known = places(_open(given)[0])
    damaged = [(scope, key) for scope, key in known if not scope.verify(key)]
    for scope, key in damaged:
        print(f"damaged: {scope.root}/{scope.scope + '/' if scope.scope else ''}steps/{key[:2]}/{key}")
    print(
        f"{len(known) - len(damaged)} of {counted(len(known), 'step')} "
        f"{by_number(len(known) - len(damaged), 'is', 'are')} whole"
    )
    if damaged:
        print("The next sweep that needs a damaged step puts it aside and trains it again.")
        sys.exit(1)


def _lineage(given: argparse.Namespace) -> None:
    from atlas.maintenance.inventory import resolve
    from atlas.maintenance.lineage import lineage

    load_learner(given)
    item = resolve(_open(given)[0], given.key)
    steps = lineage(item)
    stored = item.store.has({step.key for step in steps})
    for step in steps:
        print(f"{step.key}  {step.title}, seed {step.seed}{'' if step.key in stored else '  (not in the store)'}")


def _export(given: argparse.Namespace) -> None:
    from atlas.data.card import CARD
    from atlas.maintenance.export import Sources, export_step, export_sweep
    from atlas.report import read_summary
    from atlas.sweep.folder import SweepFolder

    load_learner(given)
    store, storage = _open(given)
    sources = Sources(data=(storage / "data").download(only=(CARD,)), backbone=given.backbone)
    sweeps = {folder.id: folder for folder in SweepFolder.all(storage)}
    if given.what in sweeps:
        tasks = export_sweep(store, read_summary(sweeps[given.what].summary), given.folder, sources=sources)
    else:
        tasks = export_step(store, given.what, given.folder, sources=sources)
    print(f"{' > '.join(tasks)} → {given.folder}; {given.folder / 'README.md'} says how to load them")


def load_learner(given: argparse.Namespace) -> None:
    """Make the stages of a user-defined learner known, by which its steps are read. Raises UserError."""
    from atlas.learners import find_learner

    if given.learner:
        find_learner(given.learner)


def _collect(given: argparse.Namespace) -> None:
    from rich.filesize import decimal

    from atlas.maintenance.collection import find_waste, remove

    store, storage = _open(given, write=given.delete)
    found = find_waste(store, storage)
    for sweep, count in found.kept.items():
        held = " (unfinished: it keeps all that it may use; remove its folder to give it up)"
        print(
            f"kept: {count:5} {by_number(count, 'step', 'steps')} by {sweep}{held if sweep in found.unfinished else ''}"
        )
    for one in found.waste:
        if given.delete:
            remove(store, one)
        print(f"{'removed' if given.delete else 'may go'}: {decimal(one.size):>9}  {one.what}  {one.path}".rstrip())
    total = sum(one.size for one in found.waste)
    steps = sum(one.item is not None for one in found.waste)
    print(
        f"{steps} of {counted(found.steps, 'step')} and {counted(len(found.waste) - steps, 'leftover')}, "
        f"{decimal(total)}",
        end="",
    )
    print(": removed" if given.delete else ": nothing was removed; --delete does it" if found.waste else "")
