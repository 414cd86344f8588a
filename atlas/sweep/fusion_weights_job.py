"""Fusion weights of a sweep's best trial, computed on a fleet, or in a Ray task, while its model is registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from atlas.learners import Stage
from atlas.learners.user_learner import USER_STAGES
from atlas.report.summary import FusionWeights, Summary
from atlas.runtime.errors import AtlasError
from atlas.runtime.text import last_line
from atlas.storage.filesystem import StoragePath
from atlas.sweep.training import Training

if TYPE_CHECKING:
    from ray import ObjectRef

    from atlas.execution.sizing import FleetSize
    from atlas.steps.train import WorkerContext

Found = tuple[tuple[FusionWeights, ...], str]


@dataclass(frozen=True)
class WeightsPromise:
    """Weights that are being computed, on a fleet or in a task of their own."""

    found: ObjectRef
    on_fleet: bool

    def cancel(self) -> None:
        """Give them up."""
        import ray

        ray.cancel(self.found, force=not self.on_fleet)  # the fleet is needed no more, and ends by itself


def start_fusion_weights(summary: Summary, storage: StoragePath, training: Training) -> WeightsPromise | None:
    """Start to run the best trial's models; None where no trial finished, and for a sweep that was stopped.

    On a fleet, which has backbone and data loaded; where none is left, on a worker's GPUs once the fleets have ended.
    A stopped sweep is to end soon: it has them once it is resumed.
    """
    if summary.best is None or summary.sweep.status == "KILLED":
        return None
    found = training.run_last(partial(_weights, summary, storage, stages=dict(USER_STAGES)))
    if found is not None:
        return WeightsPromise(found, on_fleet=True)
    training.close()
    return WeightsPromise(_task(summary, storage, training.fleets.size), on_fleet=False)


def _task(summary: Summary, storage: StoragePath, size: FleetSize) -> ObjectRef:
    """It waits for a fleet's GPUs. For its CPUs it does not wait, since they are idle."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"num_cpus": 0, "num_gpus": size.gpus, "scheduling_strategy": here, "max_retries": 0}
    weights: Any = _weights  # Ray's types leave out what is given by name
    found: ObjectRef = ray.remote(weights).options(**options).remote(summary, storage, stages=dict(USER_STAGES))
    return found


def await_fusion_weights(promise: WeightsPromise | None, timeout: float) -> Found:
    """The summary's `alpha`, and the reason where it is empty although the learner fuses adapters.

    `timeout` in seconds: a report without the weights is worth more than one that comes late.
    """
    import ray

    if promise is None:
        return (), ""
    try:
        found: Found = ray.get(promise.found, timeout=timeout)
    except ray.exceptions.GetTimeoutError:
        promise.cancel()
        return (), f"not ready after {timeout:.0f} s"
    except ray.exceptions.RayError as error:
        return (), last_line(error)
    return found


def _weights(
    summary: Summary,
    storage: StoragePath,
    worker_context: WorkerContext | None = None,
    *,
    stages: Mapping[str, type[Stage]],
) -> Found:
    """The weights of models that learn to fuse adapters; a learner without adapters, or with one a task, has none.

    `stages` are the user-defined ones, which another process knows by them alone.
    """
    from atlas.sweep.fusion_weights import NoWeights, sweep_fusion_weights

    USER_STAGES.update(stages)
    try:
        found = sweep_fusion_weights(summary, storage, worker_context)
    except NoWeights:
        return (), ""
    except AtlasError as error:
        return (), str(error)
    return (found if any(_are_trained(one) for one in found) else ()), ""


def _are_trained(alpha: FusionWeights) -> bool:
    """Whether these weights tell anything: those that are set, or uniform, are the same at every site."""
    return len(alpha.adapters) > 1 and any(row != alpha.mean[0] for row in alpha.mean)
