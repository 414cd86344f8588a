"""Options of the training fleets: their number, their workers, and what a worker takes of the cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from atlas.runtime.errors import UserError

Weights = Literal["auto", "float32", "bfloat16", "8-bit", "4-bit"]
QUANTISED: tuple[Weights, ...] = ("8-bit", "4-bit")
MOST_LOADERS = 256  # threads: more than any worker has batches to read
COUNTS = ("fleets", "workers_per_fleet", "min_workers_per_fleet")


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Processes that train, and the resources that each takes of the cluster.

    Raises:
        UserError: a count below 1, a minimum above `workers_per_fleet`, no positive number of CPUs, fewer than 0
            GPUs, one and a part of another, a part for each of several workers, a negative number of loaders, a
            negative interval between checkpoints.
    """

    fleets: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: as many as the cluster has room for)")
    ] = None
    """Steps that are trained at once."""
    workers_per_fleet: Annotated[int, arg(metavar="N")] = 1
    """Processes that train one step together, by DDP."""
    min_workers_per_fleet: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: all of them)")] = None
    """Workers that suffice while the cluster has fewer nodes."""
    cpus_per_worker: Annotated[
        float | None, arg(metavar="CPUS", help_behavior_hint="(default: the cluster's CPUs, shared out)")
    ] = None
    """CPUs of each worker."""
    gpus_per_worker: Annotated[
        float | None, arg(metavar="GPUS", help_behavior_hint="(default: 1 where the cluster has GPUs, else 0)")
    ] = None
    """GPUs of each worker; a share, such as 0.25, lets fleets share a GPU."""
    loaders: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 2 on GPUs, else 0)")] = None
    """Threads of each worker that read batches ahead; 0 for none."""
    cuda_graphs: bool = True
    """Record a stage's updates on a GPU once and replay them: the same bits, faster."""
    compile: bool = False
    """Compile the layers on GPUs: twice as fast after a while of compiling, up to rounding the same."""
    deterministic: bool = False
    """The same bits in every run on the same GPUs, more slowly."""
    weights: Annotated[Weights, arg(metavar="TYPE", help_behavior_hint="(default: bfloat16 with that precision)")] = (
        "auto"
    )
    """Frozen weights of a model that answers in words: float32, bfloat16, 8-bit, 4-bit."""
    recompute: bool = False
    """Compute the states of such a model again in the backward pass: less memory, a third more time."""
    checkpoint_every: Annotated[float, arg(metavar="SECONDS")] = 60.0
    """Seconds between checkpoints within a step; 0 for never."""

    def __post_init__(self) -> None:
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} is {value}; give 1 or more.")
        if (self.min_workers_per_fleet or 1) > self.workers_per_fleet:
            raise UserError(
                f"--min-workers-per-fleet is {self.min_workers_per_fleet}, more than --workers-per-fleet "
                f"{self.workers_per_fleet}; give no more than that."
            )
        if self.cpus_per_worker is not None and not 0 < self.cpus_per_worker < math.inf:
            raise UserError(f"--cpus-per-worker is {self.cpus_per_worker}; give a number above 0.")
        if self.gpus_per_worker is not None and not 0 <= self.gpus_per_worker < math.inf:
            raise UserError(f"--gpus-per-worker is {self.gpus_per_worker}; give a number of 0 or more.")
        self._check_shared_gpus()
        if self.loaders is not None and not 0 <= self.loaders <= MOST_LOADERS:
            raise UserError(f"--loaders is {self.loaders}; give a number of threads up to {MOST_LOADERS}, 0 for none.")
        if not 0 <= self.checkpoint_every < math.inf:
            raise UserError(f"--checkpoint-every is {self.checkpoint_every}; give seconds, 0 for never.")

    def _check_shared_gpus(self) -> None:
        gpus = self.gpus_per_worker or 0.0
        if gpus > 1 and gpus % 1:
            raise UserError(f"--gpus-per-worker is {gpus}; give a whole number, or a share of one GPU such as 0.5.")
        if 0 < gpus < 1 and self.workers_per_fleet > 1:
            raise UserError(
                f"--gpus-per-worker is {gpus} with {self.workers_per_fleet} as --workers-per-fleet, but the workers of "
                f"a fleet cannot share a GPU; give 1 of either, and more --fleets."
            )
