"""The reach of a cluster: the nodes that are there, and those that its autoscaler may bring."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from atlas.cluster.kuberay import kuberay_limits
from atlas.cluster.ray_internals import ACCELERATOR, HEAD, own_card
from atlas.cluster.reach import ray_address

Node = Mapping[str, float]  # resource → amount

FILE = Path("~/ray_bootstrap_config.yaml")  # where `ray up` leaves the cluster's file on its head; Ray Tune looks here
DEVICES = Path("/dev")
WORKERS = 2  # Ray's own `max_workers` where the file has none


def nodes_there() -> list[Node]:
    """The resources of each living node of the connected cluster."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def nodes_within_reach(there: Sequence[Node], file: Path = FILE) -> list[Node]:
    """The nodes of the cluster when it has grown as far as it may; those that are `there` where it cannot.

    Ray's autoscaler tells nobody its limits; they are known where the sweep runs on the head of a cluster that Ray's
    cluster launcher or KubeRay made.
    """
    limits = _launched(file.expanduser()) or kuberay_limits()
    if limits is None:
        return list(there)
    return [*(node for node in there if HEAD in node), *workers_of(limits)]


def workers_of(cluster: Mapping[str, Any]) -> list[Node]:
    """The most worker nodes that a cluster's file allows, the largest first where it allows fewer than its types do."""
    most = cluster.get("max_workers", WORKERS)
    nodes: list[Node] = []
    for name, kind in cluster["available_node_types"].items():
        if name != cluster["head_node_type"]:
            nodes += [kind.get("resources", {})] * kind.get("max_workers", most)
    largest = sorted(nodes, key=lambda node: (node.get("GPU", 0.0), node.get("CPU", 0.0)), reverse=True)
    return list(islice(largest, most))


def _launched(file: Path) -> Mapping[str, Any] | None:
    """The file of the cluster launcher's cluster that this process is on the head of."""
    import yaml

    return dict(yaml.safe_load(file.read_text())) if file.exists() and _is_head() else None


def _is_head() -> bool:
    """Whether this process is on the head of the cluster that it joined."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    return any(node["NodeID"] == here and HEAD in node["Resources"] for node in ray.nodes())


def this_machine() -> Node | None:
    """The resources of this machine, where the sweep will start a cluster of its own; None where it joins one."""
    return None if ray_address() else own_machine()


def own_machine() -> Node:
    """The resources of this machine."""
    cpus = {"CPU": float(os.cpu_count() or 1)}
    gpus = visible_gpus(len(list(DEVICES.glob("nvidia[0-9]*"))))
    if not gpus:
        return cpus
    card = own_card()
    return {**cpus, "GPU": float(gpus), **({f"{ACCELERATOR}{card}": 1.0} if card else {})}


def visible_gpus(count: int) -> int:
    """The number of the machine's GPUs that this process may use: those that `CUDA_VISIBLE_DEVICES` names, if set.

    As CUDA reads it, the list ends before its first entry that is none, such as `-1`.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return count
    names = takewhile(lambda name: re.fullmatch(r"\d+|(GPU|MIG)-\S+", name), (one.strip() for one in listed.split(",")))
    return min(count, len(set(names)))


def nodes_for(*, growing: bool) -> list[Node]:
    """The nodes to size the fleets by: those that are there, and where the cluster is to grow, those that may come."""
    there = nodes_there()
    return nodes_within_reach(there) if growing and this_machine() is None else there
