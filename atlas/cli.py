"""The command line `atlas`: look at tasks, prepare them, run a sweep's file, draw a report again."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from atlas.errors import AtlasError, unknown
from atlas.sweep.options import Options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exits with 2 for bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if arguments[:1] == ["sweep"] and len(arguments) > 1 and not arguments[1].startswith("-"):
            return _sweep(arguments[1], arguments[2:])
        given = _parser().parse_args(arguments)
        given.run(given)
    except AtlasError as error:
        print(f"atlas: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="atlas", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        return made

    for made in (
        command("tasks", _tasks, "list the tasks: what they are, and which are prepared"),
        prepare := command("prepare", _prepare, "decode, resize and tokenise tasks once, for one backbone"),
        report := command("report", _report, "draw a sweep's page and figures again from its summary.json"),
    ):
        made.add_argument("--storage", default="", help="default: $ATLAS_STORAGE or ~/atlas")
        made.add_argument("--backbone", default=Options.backbone, help="default: %(default)s")
    prepare.add_argument("tasks", nargs="+", metavar="TASK")
    prepare.add_argument("--source", metavar="FOLDER", help="where the task's published files lie")
    report.add_argument("sweep", metavar="SWEEP", help="a sweep's id, or the path of a summary.json")
    commands.add_parser("sweep", help="run a sweep's file: atlas sweep sweeps/task_order.py [OPTION …]").set_defaults(
        run=_no_sweep
    )
    return parser


def _sweep(file: str, arguments: Sequence[str]) -> None:
    if not Path(file).is_file():
        raise AtlasError(f"there is no sweep file {file}; give the path of a Python file such as sweeps/task_order.py.")
    sys.argv = [file, *arguments]
    runpy.run_path(file, run_name="__main__")


def _no_sweep(given: argparse.Namespace) -> None:
    raise AtlasError("no sweep file given; write e.g. `atlas sweep sweeps/task_order.py --smoke`.")


def _tasks(given: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    from atlas.backbones import locate
    from atlas.data.prepare import find_prepared
    from atlas.data.processor import Processor
    from atlas.tasks import TASKS

    root = Options(storage=given.storage).root
    processor = Processor.load(locate(given.backbone))
    table = Table(title=f"Tasks; prepared for {given.backbone} under {root}", title_justify="left")
    for heading in ("task", "what", "modality", "chance", "prepared"):
        table.add_column(heading, overflow="fold")
    for name, task in TASKS.items():
        found = find_prepared(task, processor=processor, root=root / "data")
        counts = ", ".join(f"{split} {count:,}" for split, count in found.counts.items()) if found else "no"
        table.add_row(name, task.title, task.modality, f"{task.chance:.1f} %", counts)
    Console().print(table)


def _prepare(given: argparse.Namespace) -> None:
    from rich.console import Console

    from atlas.backbones import locate
    from atlas.data.prepare import prepare
    from atlas.data.processor import Processor
    from atlas.tasks import find_task

    console = Console()
    tasks = [find_task(name) for name in given.tasks]
    processor = Processor.load(locate(given.backbone))
    source = Path(given.source).expanduser().resolve() if given.source else None
    for task in tasks:
        with console.status(f"{task.name} …") as status:
            prepared = prepare(
                task,
                processor=processor,
                root=Options(storage=given.storage).root / "data",
                source=source,
                progress=lambda split, done, name=task.name: status.update(f"{name}: {split}, {done:,} records"),  # type: ignore[misc]
            )
        counts = ", ".join(f"{split} {count:,}" for split, count in prepared.counts.items())
        console.print(f"{task.name}: {counts} → {prepared.path}", soft_wrap=True, highlight=False)


def _report(given: argparse.Namespace) -> None:
    from atlas.report import read_summary, write_report

    sweeps = Options(storage=given.storage).root / "sweeps"
    path = Path(given.sweep) if given.sweep.endswith(".json") else sweeps / given.sweep / "summary.json"
    if not path.is_file():
        raise unknown("sweep", given.sweep, [found.parent.name for found in sweeps.glob("*/summary.json")])
    print(write_report(read_summary(path), path.parent)[0])


if __name__ == "__main__":
    main()
