"""Ray Train: the fleets. The only place that knows ranks.

A fleet is one `TorchTrainer` whose workers keep the backbone and the data loaded and learn one leased step after
another until the broker closes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from atlas.errors import AtlasError
from atlas.learners import Precision
from atlas.place import Place
from atlas.store import CorruptEntry, Store

if TYPE_CHECKING:
    from atlas.learners.group import Group

LEASE_WAIT = 5.0
RENEW_SECONDS = 2.0
WORKER_FAILURES = 5


@dataclass(frozen=True, kw_only=True)
class FleetSetup:
    """What every worker of every fleet needs. `prepared` maps each task to its prepared folder's address."""

    broker: str
    namespace: str
    store_uri: str
    backbone: str
    prepared: dict[str, str]
    threads: int


@dataclass(frozen=True, kw_only=True)
class FleetSize:
    """How many fleets, workers in each, and what a worker takes of the cluster."""

    fleets: int
    workers: int
    cpus: float
    gpus: float

    @property
    def precision(self) -> Precision:
        """What the learners compute in: bfloat16 on GPUs, float32 on CPUs."""
        return "bfloat16" if self.gpus else "float32"


def run_fleet(name: str, setup: FleetSetup, size: FleetSize, storage: Place) -> None:
    """Run one fleet until the broker closes. Blocks. Ray Train restarts workers that die, up to five times.

    Raises:
        ray.train.TrainingFailedError: its workers died more often than that.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    resources = {"CPU": size.cpus} | ({"GPU": size.gpus} if size.gpus else {})
    TorchTrainer(
        learn_steps,
        train_loop_config={"fleet": name, **asdict(setup)},
        scaling_config=ScalingConfig(num_workers=size.workers, use_gpu=size.gpus > 0, resources_per_worker=resources),
        run_config=RunConfig(name=name, failure_config=FailureConfig(max_failures=WORKER_FAILURES), **storage.for_ray),
    ).fit()


def learn_steps(config: dict[str, Any]) -> None:
    """The loop of one worker: rank 0 leases a step, every rank learns it, rank 0 commits and tells the broker."""
    import ray
    import torch

    from atlas.advance import MissingParent, advance, open_bench

    settings = dict(config)
    fleet = settings.pop("fleet")
    setup = FleetSetup(**settings)
    torch.set_num_threads(setup.threads)
    group = _group()
    broker = ray.get_actor(setup.broker, namespace=setup.namespace)
    if group.rank == 0:
        ray.get(broker.hello.remote(fleet))
    whole = Store.open(setup.store_uri)
    data = {name: str(Place.at(address).pull()) for name, address in setup.prepared.items()}
    bench = open_bench(setup.backbone, data, group)
    while (lease := _next_lease(broker, fleet, group)) != "close":
        if lease is None:
            continue
        started = time.monotonic()
        store = replace(whole, scope=lease.scope)
        try:
            with _renewing(broker, fleet, lease, group) as on_update:
                advance(lease.step, bench, store, on_update)
        except (MissingParent, CorruptEntry) as loss:
            _tell(broker, group, "failed", lease, str(loss), final=False)
        except AtlasError as error:
            _tell(broker, group, "failed", lease, str(error), final=True)
        else:
            _tell(broker, group, "done", lease, time.monotonic() - started)


def _group() -> Group:
    import ray.train
    from ray.train.torch import get_device

    from atlas.learners.group import Group

    context = ray.train.get_context()
    return Group(rank=context.get_world_rank(), size=context.get_world_size(), device=get_device())


def _next_lease(broker: Any, fleet: str, group: Group) -> Any:
    """The same lease on every rank."""
    import ray

    lease = ray.get(broker.lease.remote(fleet, LEASE_WAIT)) if group.rank == 0 else None
    if group.size == 1:
        return lease
    from ray.train.collective import broadcast_from_rank_zero

    return broadcast_from_rank_zero(lease)


def _tell(broker: Any, group: Group, what: str, *arguments: Any, **named: Any) -> None:
    import ray

    if group.rank == 0:
        ray.get(getattr(broker, what).remote(*arguments, **named))


@contextmanager
def _renewing(broker: Any, fleet: str, lease: Any, group: Group) -> Iterator[Any]:
    """Rank 0 renews the lease every two seconds, with the share of updates done."""
    progress = [0.0]

    def on_update(update: int, updates: int) -> None:
        progress[0] = update / updates

    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_SECONDS):
            broker.renew.remote(fleet, lease, progress[0])

    thread = threading.Thread(target=renew, daemon=True, name="renew-lease")
    if group.rank == 0:
        thread.start()
    try:
        yield on_update
    finally:
        stop.set()
        if group.rank == 0:
            thread.join()
