"""Ray Train: the fleets. The only place that knows ranks.

A fleet is one `TorchTrainer` whose workers keep the backbone and the data loaded and learn one leased step after
another until the broker closes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from atlas.execution.sizing import FleetSize
from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import StoragePath
from atlas.storage.store import CorruptArtifact, Store

if TYPE_CHECKING:
    from atlas.execution.job import Lease
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.training_state import Checkpoints

    Learn = Callable[[Lease, Callable[[int, int], None]], Mapping[str, Any]]

LEASE_WAIT = 5.0
RENEW_SECONDS = 2.0
WORKER_FAILURES = 5
RESIZE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class FleetSetup:
    """What every worker of every fleet needs. `prepared` maps each task to its prepared folder's address; `run` tells
    this run of a sweep from all others, its own earlier ones included.

    A checkpoint of an unfinished step is kept every `checkpoint_seconds` (0: never); where the fleet is `elastic`, a
    group of another size resumes from it.
    """

    broker: str
    namespace: str
    store_uri: str
    backbone: str
    prepared: dict[str, str]
    threads: int
    run: str = ""
    checkpoint_seconds: float = 60.0
    elastic: bool = False


def run_fleet(name: str, setup: FleetSetup, size: FleetSize, storage: StoragePath) -> None:
    """Run one fleet until the broker closes. Blocks. Ray Train restarts workers that die, up to five times.

    Workers whose node is taken away after a notice (a spot node, a node that is drained) are not counted among these.
    Ray Train gives an elastic fleet the workers that there is room for when it (re)starts, and looks for more as often
    as waypoints are kept: they are all that survives such a change.

    Raises:
        ray.train.TrainingFailedError: its workers died more often than that.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        worker_main,
        train_loop_config={"fleet": name, **asdict(setup), "elastic": size.elastic},
        scaling_config=ScalingConfig(**_scaling(size, setup)),
        run_config=RunConfig(name=name, failure_config=FailureConfig(max_failures=WORKER_FAILURES), **storage.for_ray),
    ).fit()


def _scaling(size: FleetSize, setup: FleetSetup) -> dict[str, Any]:
    """The arguments of Ray Train's ScalingConfig (of its second version, which no type checker sees)."""
    return {
        "num_workers": (size.numbers[0], size.workers) if size.elastic else size.workers,
        "use_gpu": size.gpus > 0,
        "resources_per_worker": {"CPU": size.cpus} | ({"GPU": size.gpus} if size.gpus else {}),
        "elastic_resize_monitor_interval_s": max(RESIZE_SECONDS, setup.checkpoint_seconds),
    }


def worker_main(config: dict[str, Any]) -> None:
    """The loop of one worker: rank 0 leases a step, every rank learns it, rank 0 commits and tells the broker."""
    import ray
    import torch

    from atlas.steps.train import open_worker_context, train_step

    settings = dict(config)
    fleet = settings.pop("fleet")
    setup = FleetSetup(**settings)
    torch.set_num_threads(setup.threads)
    group = _group()
    broker = ray.get_actor(setup.broker, namespace=setup.namespace)
    if group.rank == 0:
        ray.get(broker.hello.remote(fleet, group.size))
    whole = Store.open(setup.store_uri)
    data = {name: str(StoragePath.at(address).download()) for name, address in setup.prepared.items()}
    worker_context = open_worker_context(setup.backbone, data, group, setup.run)

    def notice() -> bool:
        return _is_leaving(broker, fleet, group)

    def learn(lease: Lease, on_update: Callable[[int, int], None]) -> Mapping[str, Any]:
        store = replace(whole, scope=lease.scope)
        return train_step(
            lease.step, worker_context, store, on_update, _checkpoints(lease.step.key, store, setup, group, notice)
        )

    worker_loop(broker, fleet, learn, group)


def worker_loop(broker: Any, fleet: str, learn: Learn, group: ProcessGroup) -> None:
    """Lease one step after another, `learn` each (which gives its facts), and tell the broker, until there are no more.

    Raises:
        Exception: whatever a step failed with that is no AtlasError: the process may have suffered from it, and is to
            be started again. The step is tried again elsewhere, and given up after some attempts.
    """
    from atlas.steps.train import MissingParent

    while (lease := _next_lease(broker, fleet, group)) != "close":
        if lease is None:
            continue
        _log_progress(group, "learning", lease)
        try:
            with _renewing(broker, fleet, lease, group) as on_update:
                facts = learn(lease, on_update)
            _log_progress(group, "learnt", lease)
        except (MissingParent, CorruptArtifact) as loss:
            _notify_broker(broker, group, "failed", lease, str(loss), final=False)
        except AtlasError as error:
            _notify_broker(broker, group, "failed", lease, str(error), final=True)
        except Exception as error:
            _notify_broker(broker, group, "failed", lease, f"{type(error).__name__}: {error}", final=False)
            raise
        else:
            _notify_broker(broker, group, "done", lease, facts["cost"]["seconds"])


def _group() -> ProcessGroup:
    import ray.train
    from ray.train.torch import get_device

    from atlas.learners.process_group import ProcessGroup

    context = ray.train.get_context()
    return ProcessGroup(rank=context.get_world_rank(), size=context.get_world_size(), device=get_device())


def _checkpoints(
    key: str, store: Store, setup: FleetSetup, group: ProcessGroup, notice: Callable[[], bool]
) -> Checkpoints:
    """Where the step keeps its waypoints."""
    from atlas.execution.checkpoints import CheckpointStore
    from atlas.learners.training_state import NO_CHECKPOINTS

    if not setup.checkpoint_seconds:
        return NO_CHECKPOINTS
    return CheckpointStore(
        store=store, key=key, group=group, seconds=setup.checkpoint_seconds, notice=notice, elastic=setup.elastic
    )


def _is_leaving(broker: Any, fleet: str, group: ProcessGroup) -> bool:
    """Whether a node of this fleet is being taken away; the broker hears of it. All its workers have to ask at once."""
    from ray.train import get_preemption_info

    if get_preemption_info() is None:
        return False
    _notify_broker(broker, group, "leaving", fleet)
    return True


def _next_lease(broker: Any, fleet: str, group: ProcessGroup) -> Any:
    """The same lease on every rank."""
    import ray

    lease = ray.get(broker.lease.remote(fleet, LEASE_WAIT)) if group.rank == 0 else None
    if group.size == 1:
        return lease
    from ray.train.collective import broadcast_from_rank_zero

    return broadcast_from_rank_zero(lease)


def _notify_broker(broker: Any, group: ProcessGroup, what: str, *arguments: Any, **named: Any) -> None:
    import ray

    if group.rank == 0:
        ray.get(getattr(broker, what).remote(*arguments, **named))


def _log_progress(group: ProcessGroup, what: str, lease: Lease) -> None:
    """A line in the worker's log, which Ray keeps: when it learnt which step."""
    if group.rank == 0:
        sys.stdout.write(f"{time.time():.3f} atlas {what} {lease.step.key} {lease.step.title}\n")
        sys.stdout.flush()


@contextmanager
def _renewing(broker: Any, fleet: str, lease: Any, group: ProcessGroup) -> Iterator[Any]:
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
