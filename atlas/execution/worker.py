"""The worker of a fleet, under Ray Train: the only place that knows ranks.

A fleet is one trainer of Ray Train whose workers keep the backbone and the data loaded, and train one leased step after
another until the broker closes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from atlas.cluster.options import Weights
from atlas.cluster.reach import ray_address
from atlas.execution.broker_client import BrokerClient
from atlas.execution.fleet_calls import FleetCall
from atlas.execution.fleet_client import FleetClient
from atlas.execution.job import Lease
from atlas.execution.sizing import FleetSize
from atlas.runtime.errors import AtlasError, StepError, UserError
from atlas.runtime.imports import uncollected
from atlas.runtime.user_code import users_line
from atlas.storage.filesystem import StoragePath
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

if TYPE_CHECKING:
    from atlas.learners.compute import Compute
    from atlas.learners.fit import OnUpdate
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.training_state import Checkpoints
    from atlas.steps.step import Step
    from atlas.steps.train import WorkerContext

Train: TypeAlias = "Callable[[Lease, OnUpdate], StepResult]"

WORKER_FAILURES = 5
RESIZE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class FleetSetup:
    """Settings common to all workers of all fleets.

    `prepared` maps each task to its prepared folder's address; `run` identifies this run of a sweep, apart from the
    same sweep's earlier ones; `threads` of a worker compute, `loaders` read ahead. A checkpoint of an unfinished
    step is saved every `checkpoint_seconds` (0: never); in an `elastic` fleet, a process group of another size
    resumes from it. `cuda_graphs`: updates are recorded on GPUs; `compile`: layers are compiled there.
    `deterministic`: the same bits in every run. `weights` and `recompute` are those of `LoadOptions`. `halve`: cut
    batches that memory does not hold.
    """

    broker: str
    namespace: str
    store_uri: str
    backbone: str
    prepared: dict[str, str]
    threads: int
    run: str = ""
    checkpoint_seconds: float = 60.0
    loaders: int = 0
    cuda_graphs: bool = True
    compile: bool = False
    deterministic: bool = False
    weights: Weights = "auto"
    recompute: bool = False
    halve: bool = False
    elastic: bool = False


def run_fleet(name: str, setup: FleetSetup, size: FleetSize, storage: StoragePath) -> None:
    """Run one fleet until the broker closes. Blocks. Ray Train restarts its workers at most `WORKER_FAILURES` times.

    Workers on a preempted node (a spot node, a node that is drained) do not count. An elastic fleet gets as many
    workers as there is room for when it (re)starts; Ray Train looks for more room as often as checkpoints are saved,
    since a resize loses everything after the last one.

    Raises:
        ray.train.TrainingFailedError: its workers died more often than that.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig

    from atlas.cluster.ray_internals import lean_trainer

    lean_trainer(size.workers, asks_for_room=asks_for_room(size))(
        worker_main,
        train_loop_config={"fleet": name, **asdict(setup), "elastic": size.elastic},
        scaling_config=ScalingConfig(**_scaling(size, setup)),
        run_config=RunConfig(name=name, failure_config=FailureConfig(max_failures=WORKER_FAILURES), **storage.for_ray),
    ).fit()


def asks_for_room(size: FleetSize) -> bool:
    """Whether fleets of this size ask for room on the cluster: one of our own has all it will ever have."""
    return size.elastic or bool(ray_address())


def _scaling(size: FleetSize, setup: FleetSetup) -> dict[str, Any]:
    """The arguments of Ray Train's ScalingConfig; untyped, since type checkers see its first version only."""
    return {
        "num_workers": (size.numbers[0], size.workers) if size.elastic else size.workers,
        "use_gpu": size.gpus > 0,
        "resources_per_worker": {"CPU": size.cpus} | ({"GPU": size.gpus} if size.gpus else {}),
        "elastic_resize_monitor_interval_s": max(RESIZE_SECONDS, setup.checkpoint_seconds),
    }


def worker_main(config: dict[str, Any]) -> None:
    """The function that Ray Train runs in each worker: rank 0 leases a step, every rank trains it, rank 0 commits."""
    with uncollected():
        import torch

        from atlas.backbones.load_options import LoadOptions
        from atlas.learners.compute import Compute
        from atlas.learners.determinism import compute_deterministically
        from atlas.steps.train import open_worker_context, train_step

    settings = dict(config)
    name = settings.pop("fleet")
    setup = FleetSetup(**settings)
    torch.set_num_threads(setup.threads)
    if setup.deterministic:
        compute_deterministically()
    compute = Compute(loaders=setup.loaders, graphs=setup.cuda_graphs, compile=setup.compile, halve=setup.halve)
    group = _group(compute)
    fleet = FleetClient(BrokerClient.connect(setup.broker, setup.namespace), name, group)
    fleet.hello()
    whole = Store.open(setup.store_uri)
    data = {name: str(StoragePath.at(address).download()) for name, address in setup.prepared.items()}
    load_options = LoadOptions(weights=setup.weights, recompute=setup.recompute)
    worker_context = open_worker_context(setup.backbone, data, group, setup.run, load_options=load_options)

    def notice() -> bool:
        return _is_leaving(fleet)

    def train(lease: Lease, on_update: OnUpdate) -> StepResult:
        store = replace(whole, scope=lease.scope)
        return train_step(
            lease.step,
            worker_context,
            store,
            on_update,
            _checkpoints(lease.step, store, setup, group, notice),
            on_start=lambda: _log_progress(fleet, "training", lease),
        )

    worker_loop(fleet, train, worker_context)


def worker_loop(fleet: FleetClient, train: Train, worker_context: WorkerContext | None = None) -> None:
    """Lease, `train` and report one step after another, and answer calls between them, until the broker closes.

    Calls are run on `worker_context`; without one they are refused.

    A UserError or StepError is final for its step; after any other error the broker has the step tried again, once
    where it was raised at the same line of a user's file.

    Raises:
        WrongWorker: no step of this sweep can be trained by this worker.
        AtlasError: one of this rank alone, while the others may be waiting for it.
        Exception: any error of a step that is no AtlasError: the process may be damaged and must be restarted.
    """
    while (lease := fleet.next_lease()) != "close":
        if lease is None:
            continue
        if isinstance(lease, FleetCall):
            fleet.answer(lease, worker_context)
            continue
        try:
            with fleet.renewing(lease) as on_update:
                result = train(lease, on_update)
            _log_progress(fleet, "trained", lease)
        except Exception as error:
            own = users_line(error)
            fleet.failed(lease, _reason(error, own), final=isinstance(error, UserError | StepError), own=bool(own))
            if not _is_over(error, fleet.group):
                raise
        else:
            fleet.done(lease, result.cost.seconds)


def _reason(error: Exception, own: str) -> str:
    """Why a step failed, in one line, with the line of a user's file that raised it."""
    if isinstance(error, AtlasError):
        return str(error)
    return f"{type(error).__name__}: {error}" + (f" ({own})" if own else "")


def _is_over(error: Exception, group: ProcessGroup) -> bool:
    """Whether this worker can go on with another step: it is well, and no other rank is still in the failed one."""
    from atlas.steps.train import WrongWorker

    if not isinstance(error, AtlasError) or isinstance(error, WrongWorker):
        return False
    return group.size == 1 or error.everywhere


def _group(compute: Compute) -> ProcessGroup:
    import ray.train
    import torch
    from ray.train.torch import get_device

    from atlas.learners.process_group import ProcessGroup

    context, device = ray.train.get_context(), get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return ProcessGroup(rank=context.get_world_rank(), size=context.get_world_size(), device=device, compute=compute)


def _checkpoints(
    step: Step, store: Store, setup: FleetSetup, group: ProcessGroup, notice: Callable[[], bool]
) -> Checkpoints:
    """The checkpoints of a step, and the states that it shares with longer or shorter ones."""
    from atlas.execution.branches import with_branches
    from atlas.execution.checkpoints import CheckpointStore
    from atlas.learners.training_state import NO_CHECKPOINTS

    def of(key: str) -> Checkpoints:
        seconds = setup.checkpoint_seconds
        return CheckpointStore(store=store, key=key, group=group, seconds=seconds, notice=notice, elastic=setup.elastic)

    return with_branches(of(step.key) if setup.checkpoint_seconds else NO_CHECKPOINTS, step, of)


def _is_leaving(fleet: FleetClient) -> bool:
    """Whether a node of this fleet is being preempted; tells the broker. Collective: every rank must call it."""
    from ray.train import get_preemption_info

    if get_preemption_info() is None:
        return False
    fleet.leaving()
    return True


def _log_progress(fleet: FleetClient, what: str, lease: Lease) -> None:
    """Write a line to the worker's log, which Ray keeps: the time, the event and the step.

    The events are "training" and "trained": benchmarks/learning.py reads these lines.
    """
    if fleet.is_first:
        sys.stdout.write(f"{time.time():.3f} atlas {what} {lease.step.key} {lease.step.title}\n")
        sys.stdout.flush()
