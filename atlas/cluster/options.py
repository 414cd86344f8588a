"""Options of the training fleets: their number, their workers, and what a worker takes of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.runtime.errors import AtlasError

COUNTS = ("fleets", "workers_per_fleet", "min_workers_per_fleet")


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where and how widely steps are trained. None of these decides a score.

    Raises:
        AtlasError: a count below 1, a minimum above `workers_per_fleet`, a negative interval between checkpoints.
    """

    fleets: int | None = None
    workers_per_fleet: int = 1
    min_workers_per_fleet: int | None = None
    cpus_per_worker: float | None = None
    gpus_per_worker: float | None = None
    checkpoint_every: float = 60.0

    def __post_init__(self) -> None:
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise AtlasError(f"--{name.replace('_', '-')} is {value}; give 1 or more.")
        if (self.min_workers_per_fleet or 1) > self.workers_per_fleet:
            raise AtlasError(
                f"--min-workers-per-fleet is {self.min_workers_per_fleet}, more than --workers-per-fleet "
                f"{self.workers_per_fleet}; give no more than that."
            )
        if not self.checkpoint_every >= 0:
            raise AtlasError(f"--checkpoint-every is {self.checkpoint_every}; give seconds, 0 for never.")
