"""Parts of Ray that are not its public interface, gathered here; a test pins that this version has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer

HEAD = "node:__internal_head__"  # the resource by which Ray marks a cluster's head node
ACCELERATOR = "accelerator_type:"  # begins the resource by which Ray names a node's cards
SLOW_START = "during startup"  # in the bare Exception of a node that took too long to come up
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


def lean_trainer() -> type[TorchTrainer]:
    """Ray Train's TorchTrainer less two actors of each run that fleets do not need, and that start before its workers.

    One hands out Ray's data sets, of which there are none; one frees the resources of a controller that was killed,
    which `free_orphaned_groups` does. Each is a process that imports Ray Train: over a CPU second.
    """
    from ray.train.torch import TorchTrainer
    from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
    from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback

    class LeanTrainer(TorchTrainer):
        def _create_default_callbacks(self) -> list[Any]:
            unneeded = (DatasetsCallback, PlacementGroupCleanerCallback)
            callbacks = super()._create_default_callbacks()  # type: ignore[misc]  # its types are of Ray Train 1
            return [one for one in callbacks if not isinstance(one, unneeded)]

    return LeanTrainer


def own_card() -> str | None:
    """The name of this machine's NVIDIA cards, as Ray shortens it; None where it has none, or no driver."""
    from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager

    name: str | None = NvidiaGPUAcceleratorManager.get_current_node_accelerator_type()
    return name


@contextmanager
def callbacks_uncounted() -> Iterator[None]:
    """Context in which Tune does not count callbacks for its usage report: it would import MLflow to know its own."""
    from ray.air._internal import usage

    count, usage.tag_callbacks = usage.tag_callbacks, lambda callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = count


def ray_cluster(namespace: str, name: str) -> dict[str, Any]:
    """KubeRay's resource of a cluster, asked of Kubernetes from inside one of its pods. Raises OSError."""
    from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient

    return dict(KubernetesHttpApiClient(namespace).get(f"rayclusters/{name}"))


def autoscaling_config(cluster: dict[str, Any]) -> dict[str, Any]:
    """The limits of a cluster's autoscaler, in the form of a file of Ray's cluster launcher."""
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

    return dict(_derive_autoscaling_config_from_ray_cr(cluster))
