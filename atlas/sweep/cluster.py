"""The cluster: join or start it, and size the fleets to what it holds."""

from __future__ import annotations

import importlib
import logging
import math
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas.cluster.connect import join_ray
from atlas.cluster.limits import Node, nodes_there, nodes_within_reach
from atlas.cluster.watchdog import Warden
from atlas.config.options import Options
from atlas.runtime.errors import AtlasError
from atlas.train import FleetSize

NAMESPACE = "atlas"
_wardens: list[Warden] = []  # of what a cluster of our own consists of
TRIAL_CPUS = 0.005
RESERVE = 0.1
FLEET_WORTH = 20.0  # seconds of work below which one more fleet costs more than it saves


def this_machine() -> Node | None:
    """What this machine has, where the sweep will start a cluster of its own here; None where it joins one."""
    if os.environ.get("RAY_ADDRESS"):
        return None
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return {"CPU": float(os.cpu_count() or 1)} | ({"GPU": float(gpus)} if gpus else {})


def leave_cluster() -> None:
    """Leave the cluster; one of our own ends."""
    import ray

    ray.shutdown()
    while _wardens:
        _wardens.pop().close()


def join_cluster() -> None:
    """Join the cluster that RAY_ADDRESS names, or start one of our own on this machine.

    Raises:
        AtlasError: the cluster does not answer, or refuses the token.
    """
    _set_environment()
    for name in ("ray.tune", "ray.train._internal.storage"):  # the view and the summary say what failed
        logging.getLogger(name).setLevel(logging.CRITICAL)
    importlib.import_module("ray")  # first, and alone: its import cycles hold in one order only
    importing = threading.Thread(target=_import_ray, daemon=True)
    importing.start()  # while the cluster starts, which is mostly waiting
    _wardens.append(join_ray(namespace=NAMESPACE))
    importing.join()


def nodes_for(options: Options) -> list[Node]:
    """The nodes to size the fleets by: those that are there, and where `--fleets` asks for more, those that may come.

    Without that number a sweep takes what it finds, and makes no cluster grow.
    """
    there = nodes_there()
    return nodes_within_reach(there) if options.fleets and this_machine() is None else there


def free_orphaned_groups() -> int:
    """Remove the placement groups of this job whose maker has died; gives their number.

    Ray keeps a group until its job ends where only the actor that made it was killed, such as a fleet's controller;
    Ray Train's own cleaner asks the dashboard, which a cluster of one's own has not.
    """
    import ray
    from ray._private.state import state
    from ray.core.generated import gcs_pb2
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    Group: Any = vars(gcs_pb2)["PlacementGroupTableData"]  # made at import, so that no type checker knows it
    groups = [Group.FromString(text) for text in state._connect_and_get_accessor().get_placement_group_table()]
    job = ray.get_runtime_context().get_job_id()
    orphans = [
        group
        for group in groups
        if group.creator_actor_id.strip(b"\xff")
        and group.creator_actor_dead
        and group.creator_job_id.hex() == job
        and group.state != Group.REMOVED
    ]
    for group in orphans:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(orphans)


def _set_environment() -> None:
    """What Ray would say of itself on the driver, but for what a person set."""
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # Tune's own tables: the view says all of it
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # MLflow and the summary keep the results
    # Trials, fleets, broker and writer are more processes than Ray expects of a small machine; it warns by this number.
    os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(max(4, os.cpu_count() or 1)))


def _import_ray() -> None:
    """What trials and fleets need of Ray in the driver, in the order in which its own import cycles hold."""
    for name in ("ray.tune", "ray.train.torch"):
        importlib.import_module(name)


def size_fleets(options: Options, nodes: Sequence[Node]) -> FleetSize:
    """How many fleets, and what each worker takes of these nodes.

    By default as many fleets of one worker as they have GPUs or, without any, CPUs; a little of the CPUs is left to
    trials.

    Raises:
        AtlasError: they cannot hold it, in all or each worker on one node.
    """
    resources = {name: sum(node.get(name, 0.0) for node in nodes) for name in ("CPU", "GPU")}
    gpus = _worker_gpus(options, resources)
    total = resources["CPU"] - RESERVE
    possible = int(resources["GPU"] / gpus) if gpus else math.ceil(total)
    workers = options.workers_per_fleet
    fleets = options.fleets or max(1, possible // workers)
    cpus = options.cpus_per_worker
    if cpus is None:
        cpus = max(0.1, math.floor(100 * min(total / (fleets * workers), 4.0 if gpus else 1.0)) / 100)
    size = FleetSize(fleets=fleets, workers=workers, cpus=cpus, gpus=gpus, least=options.min_workers_per_fleet)
    _check_placeable(size, resources)
    _check_room(size, nodes)
    return size


def fitted(size: FleetSize, options: Options, nodes: Sequence[Node], work: float) -> FleetSize:
    """No more fleets than `work`, in seconds of one fleet, is worth; as many as `--fleets` says where it does."""
    worth = max(1, int(work / FLEET_WORTH))
    if options.fleets or worth >= size.fleets:
        return size
    return size_fleets(replace(options, fleets=worth), nodes)


def trials_at_once(size: FleetSize, *, known: bool) -> int:
    """Enough trials that no fleet waits for one, few enough that they fit into what fleets leave of the CPUs.

    Where all steps are `known` beforehand fleets wait for no trial: fewer gather what is there, and cost less to start.
    """
    enough = max(2, size.fleets) if known else max(4, 2 * size.fleets)
    return min(enough, int(RESERVE / TRIAL_CPUS))


def threads_of(size: FleetSize) -> int:
    """The threads that a worker computes with."""
    return max(1, round(size.cpus))


def _worker_gpus(options: Options, resources: Mapping[str, float]) -> float:
    if options.gpus_per_worker is not None:
        return options.gpus_per_worker
    return 1.0 if resources["GPU"] >= 1 else 0.0


def _check_placeable(size: FleetSize, resources: Mapping[str, float]) -> None:
    count = size.fleets * size.numbers[0]
    for name, each, spare in (("CPU", size.cpus, RESERVE), ("GPU", size.gpus, 0.0)):
        have = resources[name]
        if count * each + spare > have + 1e-6:
            raise AtlasError(
                f"{size.fleets} fleets of {size.each} workers at {each:g} {name} need {count * each + spare:g} "
                f"{name}s (with {spare:g} for the trials), the cluster has at most {have:g}; "
                f"give fewer --fleets, --workers-per-fleet or less a worker."
            )


def _check_room(size: FleetSize, nodes: Sequence[Node]) -> None:
    count, room = size.fleets * size.numbers[0], sum(_room(size, node) for node in nodes)
    if room < count:
        each = f"{size.cpus:g} CPUs" + (f" and {size.gpus:g} GPUs" if size.gpus else "")
        raise AtlasError(
            f"{count} workers of {each} are wanted, but the nodes hold {room}; give fewer --fleets or less a worker."
        )


def _room(size: FleetSize, node: Node) -> int:
    """How many workers one node holds."""
    shares = [node.get(name, 0.0) / each for name, each in (("CPU", size.cpus), ("GPU", size.gpus)) if each]
    return int(min(shares) + 1e-6)
