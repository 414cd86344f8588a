"""Parts of Ray that are not its public interface, gathered here; a test pins that this version has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threading import Event

    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

HEAD = "node:__internal_head__"  # the resource by which Ray marks a cluster's head node
ACCELERATOR = "accelerator_type:"  # begins the resource by which Ray names a node's cards
SLOW_START = "during startup"  # in the bare Exception of a node that took too long to come up
LOOK_SECONDS, LOOK_FOR_SECONDS = 0.02, 20.0  # between looks for a node that starts, and of looks in all
CHATTY_LOGGERS = ("ray.tune", "ray.train._internal.storage")  # they repeat each trial's error


@dataclass(frozen=True, kw_only=True)
class GroupState:
    """A placement group. id: Ray's binary id; job: the hexadecimal id of its job; is_orphan: the actor that made it is
    dead, and the group still holds its resources."""

    id: bytes
    job: str
    is_orphan: bool


def placement_groups() -> list[GroupState]:
    """Every placement group of the cluster, from its control service: the public table does not name the makers."""
    from ray._private.state import state
    from ray.core.generated import gcs_pb2

    Group: Any = vars(gcs_pb2)["PlacementGroupTableData"]  # made at import, so that no type checker knows it
    groups = [Group.FromString(text) for text in state._connect_and_get_accessor().get_placement_group_table()]
    return [
        GroupState(
            id=group.placement_group_id,
            job=group.creator_job_id.hex(),
            is_orphan=bool(
                group.creator_actor_id.strip(b"\xff") and group.creator_actor_dead and group.state != Group.REMOVED
            ),
        )
        for group in groups
    ]


def start_autoscaling_coordinator() -> None:
    """Start the detached actor that Ray Train's controllers ask for room before anything else, without waiting.

    A controller starts it where it is missing, and waits until it answers.
    """
    from ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator import (
        get_or_create_autoscaling_coordinator,
    )

    get_or_create_autoscaling_coordinator()


def lean_trainer(workers: int, *, asks_for_room: bool) -> type[DataParallelTrainer]:
    """Ray Train's trainer for so many workers, less the actors of each run that start before its workers unused.

    One hands out Ray's data sets, of which there are none; one frees the resources of a controller that was killed,
    which `free_orphaned_groups` does; one asks an autoscaler for room, and is left out with `asks_for_room=False`, for
    workers of a fixed number on a cluster that has no autoscaler. Each is a process that imports Ray Train: two CPU
    seconds. A single worker has no process group of torch's, so that neither the driver nor the controller imports it,
    and nobody to wait for (`LoneWorker`).
    """
    from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
    from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback

    from atlas.cluster.lone_worker import LoneWorker

    class LeanTrainer(_trainer(workers)):  # type: ignore[misc]  # a class that is chosen
        def _create_default_callbacks(self) -> list[Any]:
            unneeded = (DatasetsCallback, PlacementGroupCleanerCallback)
            kept = [one for one in super()._create_default_callbacks() if not isinstance(one, unneeded)]
            return kept if workers > 1 else [*kept, LoneWorker()]

        def _initialize_and_run_controller(self, **parts: Any) -> Any:
            own = {} if asks_for_room else {"scaling_policy": _silent_policy()(self.scaling_config)}
            return super()._initialize_and_run_controller(**parts | own)

    return LeanTrainer


def _silent_policy() -> Any:
    """Ray Train's policy of a fixed number of workers that asks no autoscaler for room."""
    from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy

    class SilentPolicy(FixedScalingPolicy):
        def after_controller_start(self, train_run_context: object) -> None:
            """Make no client of the coordinator: whoever has none cancels nothing at the end either."""

        def _maybe_send_resource_request(self) -> None:
            """Ask nobody."""

    return SilentPolicy


def _trainer(workers: int) -> type[DataParallelTrainer]:
    if workers > 1:
        from ray.train.torch import TorchTrainer

        return TorchTrainer  # type: ignore[return-value]  # its types are of Ray Train 1
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    return DataParallelTrainer


def own_card() -> str | None:
    """The name of this machine's NVIDIA cards, as Ray shortens it; None where it has none, or no driver."""
    from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager

    name: str | None = NvidiaGPUAcceleratorManager.get_current_node_accelerator_type()
    return name


@contextmanager
def bare_node() -> Iterator[None]:
    """Context in which the node that `ray.init` starts lacks what nobody uses on a cluster of one's own.

    It has no autoscaler, since it stays as it is; no reader of the workers' logs, which are not printed; no server of a
    dashboard, and an agent that reports to none. The first three are a process of Python each. Whether it is up is
    asked more often than once a second.
    """
    from ray._private import services, utils
    from ray._private.node import Node

    with ExitStack() as patches:
        for name in ("start_monitor", "start_log_monitor", "start_api_server"):
            patches.enter_context(_replaced(Node, name, lambda self, **_: None))
        patches.enter_context(_replaced(utils, "get_dashboard_dependency_error", lambda: "no dashboard here"))
        patches.enter_context(_replaced(services, "get_node", partial(_get_node_soon, services.get_node)))
        yield


def _get_node_soon(get_node: Callable[[str, str], object], address: str, node: str) -> object:
    """What `get_node` gives, which looks for a node at once, and then after a second."""
    from ray._private.services import _get_gcs_client_options
    from ray._private.state import GlobalState

    state, deadline = GlobalState(), time.monotonic() + LOOK_FOR_SECONDS
    state._initialize_global_state(_get_gcs_client_options(address))
    while time.monotonic() < deadline and node not in {one["NodeID"] for one in state.node_table()}:
        time.sleep(LOOK_SECONDS)
    return get_node(address, node)


@contextmanager
def callbacks_uncounted() -> Iterator[None]:
    """Context in which Tune does not count callbacks for its usage report: it would import MLflow to know its own."""
    from ray.air._internal import usage

    with _replaced(usage, "tag_callbacks", lambda callbacks: False):
        yield


@contextmanager
def search_ended_by(event: Event) -> Iterator[None]:
    """Context in which Tune ends as after an interrupt once the event is set: where no signal arrives, which is in any
    thread but the main one, nothing else ends it without failing its trials.
    """
    from ray.tune import tune

    with _replaced(tune, "_setup_signal_catching", lambda: event):
        yield


@contextmanager
def _replaced(owner: object, name: str, function: Callable[..., object]) -> Iterator[None]:
    """Context in which another function stands in the place of one of Ray's."""
    before = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, before)


def ray_cluster(namespace: str, name: str) -> dict[str, Any]:
    """KubeRay's resource of a cluster, asked of Kubernetes from inside one of its pods. Raises OSError."""
    from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient

    return dict(KubernetesHttpApiClient(namespace).get(f"rayclusters/{name}"))


def autoscaling_config(cluster: dict[str, Any]) -> dict[str, Any]:
    """The limits of a cluster's autoscaler, in the form of a file of Ray's cluster launcher."""
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

    return dict(_derive_autoscaling_config_from_ray_cr(cluster))
