"""Sizing of fleets: their number, their workers, and the resources of each worker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from atlas.cluster.cards import cards_without_bfloat16
from atlas.cluster.limits import Node
from atlas.cluster.options import QUANTISED, ClusterOptions
from atlas.learners import AskedPrecision, Precision
from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted

TRIAL_CPUS = 0.005
RESERVE = 0.1
LOADERS = 2
FLEET_WORTH = 20.0  # seconds of training below which one more fleet costs more than it saves


@dataclass(frozen=True, kw_only=True)
class FleetSize:
    """The number of fleets, the workers in each, and the CPUs and GPUs of each worker.

    With `least`, a fleet is elastic: it has as many workers as there is room for, but at least so many. `old_cards`
    are those of the cluster's cards that do not compute in bfloat16.
    """

    fleets: int
    workers: int
    cpus: float
    gpus: float
    least: int | None = None
    old_cards: tuple[str, ...] = ()

    @property
    def elastic(self) -> bool:
        """Whether the number of workers in a fleet follows the size of the cluster."""
        return self.least is not None and self.least < self.workers

    @property
    def numbers(self) -> range:
        """The numbers of workers that a fleet may have."""
        return range(self.least or self.workers, self.workers + 1)

    @property
    def each(self) -> str:
        """The number of workers in a fleet, as text."""
        return f"{self.least} to {self.workers}" if self.elastic else str(self.workers)

    @property
    def precision(self) -> Precision:
        """The precision that suits the workers: float32 on CPUs, bfloat16 on GPUs, float16 where some are too old."""
        if not self.gpus:
            return "float32"
        return "float16" if self.old_cards else "bfloat16"

    def precision_as(self, asked: AskedPrecision) -> Precision:
        """The precision that learners compute in, as `asked`; `auto` takes the one that suits the workers.

        Raises UserError for bfloat16 on cards that have none.
        """
        if asked == "auto":
            return self.precision
        if asked == "bfloat16" and self.gpus and self.old_cards:
            raise UserError(
                f"--precision is bfloat16, but {', '.join(self.old_cards)} cannot compute in it; give float16 or "
                f"float32, or leave --precision out (auto: {self.precision})."
            )
        return asked


def size_fleets(options: ClusterOptions, nodes: Sequence[Node]) -> FleetSize:
    """The fleets for these nodes, and the resources of each worker.

    By default one fleet of one worker for each GPU or, without GPUs, each CPU; `RESERVE` CPUs are left to the trials.

    Raises:
        UserError: the nodes do not hold all fleets, no node holds a whole worker, or layers are to be compiled
            or weights quantised where there is no GPU.
    """
    resources = {name: sum(node.get(name, 0.0) for node in nodes) for name in ("CPU", "GPU")}
    gpus = _worker_gpus(options, resources)
    total = resources["CPU"] - RESERVE
    possible = sum(_gpu_room(gpus, node) for node in nodes) if gpus else math.ceil(total)
    workers = options.workers_per_fleet
    fleets = options.fleets or max(1, possible // workers)
    cpus = options.cpus_per_worker
    if cpus is None:
        cpus = max(0.1, math.floor(100 * min(total / (fleets * workers), 4.0 if gpus else 1.0)) / 100)
    size = FleetSize(
        fleets=fleets,
        workers=workers,
        cpus=cpus,
        gpus=gpus,
        least=options.min_workers_per_fleet,
        old_cards=tuple(cards_without_bfloat16(nodes)),
    )
    _check_placeable(size, resources)
    _check_room(size, nodes)
    if options.compile and not gpus:
        raise UserError("--compile is for GPUs, and the workers of this sweep have none; leave it out.")
    if options.weights in QUANTISED and not gpus:
        raise UserError(
            f"--weights {options.weights} needs GPUs, and the workers of this sweep have none; leave it out."
        )
    return size


def fitted(size: FleetSize, options: ClusterOptions, nodes: Sequence[Node], work: float) -> FleetSize:
    """The size without fleets that `work`, in seconds of one fleet, is not worth; `--fleets` overrules."""
    worth = max(1, int(work / FLEET_WORTH))
    if options.fleets or worth >= size.fleets:
        return size
    return size_fleets(replace(options, fleets=worth), nodes)


def trials_at_once(size: FleetSize, *, known: bool) -> int:
    """The concurrent trials: enough that no fleet waits for one, few enough for the CPUs that fleets leave.

    Where all steps are `known` beforehand, fleets never wait for trials: fewer trials do, and cost less to start.
    """
    enough = max(2, size.fleets) if known else max(4, 2 * size.fleets)
    return min(enough, int(RESERVE / TRIAL_CPUS))


def threads_of(size: FleetSize) -> int:
    """The number of threads that a worker computes with."""
    return max(1, round(size.cpus))


def loaders_of(size: FleetSize, asked: int | None) -> int:
    """The threads of a worker that read batches ahead: as `asked`, or for a GPU `LOADERS` where it has the CPUs."""
    if asked is not None:
        return asked
    return min(LOADERS, threads_of(size)) if size.gpus else 0


def _worker_gpus(options: ClusterOptions, resources: Mapping[str, float]) -> float:
    if options.gpus_per_worker is not None:
        return options.gpus_per_worker
    return 1.0 if resources["GPU"] >= 1 else 0.0


def _check_placeable(size: FleetSize, resources: Mapping[str, float]) -> None:
    count = size.fleets * size.numbers[0]
    for name, each, spare in (("CPU", size.cpus, RESERVE), ("GPU", size.gpus, 0.0)):
        have = resources[name]
        if (wanted := count * each + spare) > have + 1e-6:
            raise UserError(
                f"{counted(size.fleets, 'fleet')} of {size.each} {by_number(size.workers, 'worker', 'workers')} at "
                f"{each:g} {name} {by_number(size.fleets, 'needs', 'need')} {wanted:g} "
                f"{by_number(wanted, name, f'{name}s')} (with {spare:g} for the trials), the cluster has at most "
                f"{have:g}; "
                f"give fewer --fleets, --workers-per-fleet or less a worker."
            )


def _check_room(size: FleetSize, nodes: Sequence[Node]) -> None:
    count, room = size.fleets * size.numbers[0], sum(_room(size, node) for node in nodes)
    if room < count:
        each = f"{size.cpus:g} CPUs" + (f" and {size.gpus:g} GPUs" if size.gpus else "")
        raise UserError(
            f"{counted(count, 'worker')} of {each} {by_number(count, 'is', 'are')} wanted, but the nodes hold "
            f"{room}; give fewer --fleets or less a worker."
        )


def _room(size: FleetSize, node: Node) -> int:
    """The number of workers that fit on one node."""
    room = int(node.get("CPU", 0.0) / size.cpus + 1e-6)
    return min(room, _gpu_room(size.gpus, node)) if size.gpus else room


def _gpu_room(gpus: float, node: Node) -> int:
    """The number of workers that the GPUs of one node hold: a share is one of a single GPU."""
    count = node.get("GPU", 0.0)
    return int(count / gpus + 1e-6) if gpus >= 1 else int(count) * int(1 / gpus + 1e-6)
