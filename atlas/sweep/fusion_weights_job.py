"""Fusion weights of a sweep's best trial, computed in a Ray task while its model is registered."""

from __future__ import annotations

from typing import Any

from atlas.execution.sizing import FleetSize
from atlas.report.summary import FusionWeights, Summary
from atlas.runtime.errors import AtlasError
from atlas.runtime.text import last_line
from atlas.storage.filesystem import StoragePath

Found = tuple[tuple[FusionWeights, ...], str]


def start_fusion_weights(summary: Summary, storage: StoragePath, size: FleetSize) -> Any:
    """Start to run the best trial's models on a worker's GPUs; None where no trial finished.

    The fleets must be about to end: it waits for their GPUs. Their CPUs it does not wait for, since they are idle.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if summary.best is None:
        return None
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"num_cpus": 0, "num_gpus": size.gpus, "scheduling_strategy": here, "max_retries": 0}
    return ray.remote(_weights).options(**options).remote(summary, storage)


def await_fusion_weights(promise: Any, timeout: float) -> Found:
    """The summary's `alpha`, and the reason where it is empty although the learner fuses adapters.

    `timeout` in seconds: a report without the weights is worth more than one that comes late.
    """
    import ray

    if promise is None:
        return (), ""
    try:
        return ray.get(promise, timeout=timeout)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(promise, force=True)
        return (), f"not ready after {timeout:.0f} s"
    except ray.exceptions.RayError as error:
        return (), last_line(error)


def _weights(summary: Summary, storage: StoragePath) -> Found:
    """The weights of models that learn to fuse adapters; a learner without adapters, or with one a task, has none."""
    from atlas.sweep.fusion_weights import NoWeights, sweep_fusion_weights

    try:
        found = sweep_fusion_weights(summary, storage)
    except NoWeights:
        return (), ""
    except AtlasError as error:
        return (), str(error)
    return (found if any(_are_trained(one) for one in found) else ()), ""


def _are_trained(alpha: FusionWeights) -> bool:
    """Whether these weights tell anything: those that are set, or uniform, are the same at every site."""
    return len(alpha.adapters) > 1 and any(row != alpha.mean[0] for row in alpha.mean)
