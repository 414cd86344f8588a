"""The reach of a cluster: the nodes that are there, and those that its autoscaler may bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

Node = Mapping[str, float]  # what it has of each resource

FILE = Path("~/ray_bootstrap_config.yaml")  # where `ray up` leaves the cluster's file on its head; Ray Tune looks here
HEAD = "node:__internal_head__"  # the resource by which Ray marks the head
WORKERS = 2  # Ray's own `max_workers` where the file has none


def nodes_there() -> list[Node]:
    """What each living node of the cluster that was joined has."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def nodes_within_reach(there: Sequence[Node], file: Path = FILE) -> list[Node]:
    """The nodes of the cluster when it has grown as far as its file allows; those that are `there` where it cannot.

    Ray's autoscaler tells nobody its limits; they are known where the sweep runs on the head of a cluster that
    Ray's cluster launcher made.
    """
    import yaml

    file = file.expanduser()
    if not _is_head() or not file.exists():
        return list(there)
    head = [node for node in there if HEAD in node]
    return [*head, *workers_of(yaml.safe_load(file.read_text()))]


def workers_of(cluster: Mapping[str, Any]) -> list[Node]:
    """The most worker nodes that a cluster's file allows, the largest first where it allows fewer than its types do."""
    most = cluster.get("max_workers", WORKERS)
    nodes: list[Node] = []
    for name, kind in cluster["available_node_types"].items():
        if name != cluster["head_node_type"]:
            nodes += [kind.get("resources", {})] * kind.get("max_workers", most)
    largest = sorted(nodes, key=lambda node: (node.get("GPU", 0.0), node.get("CPU", 0.0)), reverse=True)
    return list(islice(largest, most))


def _is_head() -> bool:
    """Whether this process is on the head of the cluster that it joined."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    return any(node["NodeID"] == here and HEAD in node["Resources"] for node in ray.nodes())
