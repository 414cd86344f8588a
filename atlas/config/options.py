"""What a person sets of a sweep, and the command line that reads it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from atlas.cluster.options import ClusterOptions
from atlas.runtime.errors import AtlasError, unknown
from atlas.runtime.redact import redacted
from atlas.storage.filesystem import StoragePath
from atlas.tasks import twin_of

TASKS = ("easy-vqa", "digits", "easy-ve", "piqa-twin")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings that all sweeps have in common. The defaults run on a laptop within minutes.

    `orders` is a number, `all`, or orders written `a,b,c`; `steps` counts the updates of a stage and wins over
    `epochs`; `evaluate` is how many records of `val` and of `test` score a task (0: all). `downstream` tasks are learnt
    from `shots` after each order.
    """

    tasks: tuple[str, ...] = TASKS
    downstream: tuple[str, ...] = ()
    shots: tuple[str, ...] = ("64",)
    twins: bool = False
    orders: tuple[str, ...] = ()
    trials: int | None = None
    seeds: tuple[int, ...] = (0,)
    backbone: str = "vilt-tiny"
    learner: str = "atlas"
    rank: int = 16
    steps: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    evaluate: tuple[int, int] = (200, 400)
    storage: str = ""
    source: tuple[str, ...] = ()
    tracking_uri: str = ""
    fleets: int | None = None
    workers_per_fleet: int = 1
    min_workers_per_fleet: int | None = None
    cpus_per_worker: float | None = None
    gpus_per_worker: float | None = None
    checkpoint_every: float = 60.0
    aim: str = "mean"
    sharing: bool = True
    dry_run: bool = False
    smoke: bool = False
    resume: str | None = None

    def __post_init__(self) -> None:
        named = (*self.tasks, *self.downstream)
        if len(set(named)) < len(named):
            raise AtlasError(f"the tasks {', '.join(named)} name one twice; name each once.")
        if self.trials is not None and self.trials < 1:
            raise AtlasError(f"--trials is {self.trials}; give 1 or more.")
        _ = self.cluster  # checks its own values
        if min(self.evaluate) < 0:
            raise AtlasError(f"--evaluate is {self.evaluate}; give two numbers of records, 0 for all.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise AtlasError(f"--seeds are {list(self.seeds)}; give one or more, each once.")
        if redacted(self.storage) != self.storage:
            raise AtlasError(
                f"--storage {redacted(self.storage)} holds a user or a password; give those to the environment of "
                f"every node instead (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role)."
            )

    @property
    def cluster(self) -> ClusterOptions:
        """The options of the fleets."""
        return ClusterOptions(**{field.name: getattr(self, field.name) for field in fields(ClusterOptions)})

    @property
    def place(self) -> StoragePath:
        """The storage: it holds prepared data, store and sweeps. Raises AtlasError for an address that is none."""
        return StoragePath.at(self.storage or os.environ.get("ATLAS_STORAGE", "") or Path.home() / "atlas")

    @property
    def root(self) -> Path:
        """The storage's folder on this machine, which holds the tracking database, too."""
        return self.place.local

    def parsed_orders(self, tasks: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """The orders that were written out. Raises AtlasError for one that is not an order of `tasks`."""
        return tuple(_order(text, tasks) for text in self.orders if "," in text)


def _order(text: str, tasks: tuple[str, ...]) -> tuple[str, ...]:
    order = tuple(part.strip() for part in text.split(","))
    for task in order:
        if task not in tasks:
            raise unknown("task in an order", task, tasks)
    if len(set(order)) < len(order):
        raise AtlasError(f"the order {text} names a task twice; an order learns each of {', '.join(tasks)} once.")
    if len(order) < len(tasks):
        missing = ", ".join(task for task in tasks if task not in order)
        raise AtlasError(f"the order {text} leaves out {missing}; name every task, or leave it out of --tasks.")
    return order


def parser(description: str, defaults: Options, *, prog: str | None = None) -> argparse.ArgumentParser:
    """The command line of a sweep; what it does not name stays as in `defaults`."""
    made = _Parser(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = made.add_argument
    what = made.add_argument_group("what to sweep").add_argument
    what(
        "--tasks",
        nargs="+",
        metavar="TASK",
        help=f"names, or your own as FILE.py:NAME (default: {' '.join(defaults.tasks)})",
    )
    what("--orders", nargs="+", metavar="ORDER", help="a number, `all`, or orders written a,b,c")
    what("--trials", type=int, help="how many trials (for task_order.py: the same as a number of --orders)")
    what(
        "--seeds", "--seed", nargs="+", type=int, metavar="SEED", help="every trial is walked once a seed (default: 0)"
    )
    what("--downstream", nargs="+", metavar="TASK", help="tasks learnt from few shots after each order")
    what(
        "--shots", nargs="+", metavar="N", help="records that downstream tasks are learnt from: N, N/class, N%% or all"
    )
    what("--twins", action="store_const", const=True, help="each published task by its generated twin")
    how = made.add_argument_group("how to learn").add_argument
    how("--backbone", help=f"a name, a folder or a hub id of a ViLT (default: {defaults.backbone})")
    how("--learner", help=f"a name, or your own as FILE.py:NAME (default: {defaults.learner})")
    how("--rank", type=int, help=f"the adapters' rank (default: {defaults.rank})")
    how("--steps", type=int, help="optimiser updates a stage; wins over --epochs")
    how("--epochs", type=float, help="epochs a stage")
    how("--batch-size", type=int, help="records an update, over all workers")
    how("--learning-rate", type=float, help="the peak rate (default: the learner's)")
    how("--evaluate", nargs=2, type=int, metavar=("VAL", "TEST"), help="records that score a task (0: all)")
    how("--aim", choices=("mean", "worst"), help="of several orders, raise their mean or the worst (default: mean)")
    where = made.add_argument_group("where").add_argument
    where(
        "--storage", help="the folder (or s3:// address) of data, results and runs (default: $ATLAS_STORAGE or ~/atlas)"
    )
    where("--source", nargs="+", metavar="TASK=FOLDER", help="where a task's published files lie")
    where(
        "--tracking-uri",
        help="an MLflow server or database (default: $MLFLOW_TRACKING_URI, else SQLite in the storage)",
    )
    where("--fleets", type=int, help="how many steps are learnt at once (default: what the cluster holds)")
    where("--workers-per-fleet", type=int, help="processes that learn one step together, by DDP (default: 1)")
    where("--min-workers-per-fleet", type=int, help="with fewer nodes, so many will do (default: all of them)")
    where("--cpus-per-worker", type=float, help="default: the cluster's CPUs, shared out")
    where("--gpus-per-worker", type=float, help="default: 1 where the cluster has GPUs, else 0")
    where("--checkpoint-every", type=float, metavar="SECONDS", help="within a long step (default: 60; 0: never)")
    add("--no-sharing", dest="sharing", action="store_const", const=False, help="train every step of every trial")
    add("--dry-run", action="store_const", const=True, help="print the plan and stop")
    add("--smoke", action="store_const", const=True, help="a very small run, to see that everything works")
    add("--resume", nargs="?", const="latest", metavar="SWEEP", help="go on with an interrupted sweep")
    return made


class _Parser(argparse.ArgumentParser):
    """Argparse whose complaint about an unknown option names the nearest known one."""

    def error(self, message: str) -> Any:
        words = message.removeprefix("unrecognized arguments: ").split()
        if message.startswith("unrecognized") and words[0].startswith("-"):
            raise unknown("option", words[0], [name for name in self._option_string_actions if name.startswith("--")])
        raise AtlasError(f"{message}; see --help.")


def read_options(
    description: str, defaults: Options, arguments: Sequence[str] | None = None, *, prog: str | None = None
) -> Options:
    """The options of a command line. Raises AtlasError for what it cannot read."""
    given = vars(parser(description, defaults, prog=prog).parse_args(arguments))
    names = {field.name for field in fields(Options)}
    return with_values(defaults, {name: value for name, value in given.items() if value is not None and name in names})


def with_values(options: Options, values: Mapping[str, Any]) -> Options:
    """`options` with these values, lists as tuples."""
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return replace(options, **plain)


def with_twins(options: Options) -> Options:
    """With `--twins`, the same options over the tasks' generated twins. Raises AtlasError for a task that has none."""
    if not options.twins:
        return options
    return replace(
        options,
        tasks=tuple(map(twin_of, options.tasks)),
        downstream=tuple(map(twin_of, options.downstream)),
        orders=tuple(
            ",".join(twin_of(task) for task in text.split(",")) if "," in text else text for text in options.orders
        ),
        twins=False,
    )
