"""Node check: whether a node of the cluster has everything that a sweep's workers need."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from atlas.backbones import digest
from atlas.data.cache import prepared_at
from atlas.runtime.errors import AtlasError
from atlas.runtime.text import last_line
from atlas.storage.filesystem import StoragePath, open_filesystem
from atlas.storage.store import Store
from atlas.sweep.provenance import PACKAGES, code_digest

ANSWER_SECONDS = 180.0
COUNT = "import torch; print(torch.cuda.device_count())"


@dataclass(frozen=True, kw_only=True)
class NodeCheck:
    """A check of a node: the store, a file just written there, the backbone's folder, the prepared data's addresses."""

    store_uri: str
    mark: str
    backbone: str = ""
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """The result of a node's check. `gpus` are counted by Ray, `gpus_seen` by torch.

    `storage` is the error of the storage, or empty; `backbone` the digest of its weights, empty where it is missing;
    `lacks` the tasks whose prepared data it does not see; `failed` why it did not answer, or empty.
    """

    node: str
    versions: Mapping[str, str] = field(default_factory=dict)
    token: bool = False
    gpus: int = 0
    gpus_seen: int = 0
    storage: str = ""
    backbone: str = ""
    lacks: tuple[str, ...] = ()
    failed: str = ""


def check_here(node: str, gpus: int, check: NodeCheck) -> NodeReport:
    """Run the check on this node, as a Ray task. It leaves nothing behind."""
    return NodeReport(
        node=node,
        versions=versions(),
        token=os.environ.get("RAY_AUTH_MODE", "").lower() == "token",
        gpus=gpus,
        gpus_seen=_gpus_seen() if gpus else 0,
        storage=_storage(check),
        backbone=_backbone(check.backbone),
        lacks=tuple(task for task, folder in check.prepared.items() if not _is_prepared(folder)),
    )


def check_nodes(nodes: Iterable[Mapping[str, Any]], check: NodeCheck) -> list[NodeReport]:
    """One report a node, by a task that is pinned there. `nodes` as `ray.nodes()` lists them."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = []
    for node in nodes:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(check_here).options(num_cpus=0, max_retries=0, scheduling_strategy=here)
        name = f"{node['NodeManagerAddress']} ({node['NodeID'][:6]})"
        asked.append((name, task.remote(name, int(node["Resources"].get("GPU", 0)), check)))
    return [_answer(name, waiting) for name, waiting in asked]


def versions() -> dict[str, str]:
    """Of Python, of this package with the digest of its code, and of the packages that results depend on."""
    found = {"python": platform.python_version(), "atlas": code_digest()[:12]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _answer(name: str, waiting: Any) -> NodeReport:
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(waiting, timeout=ANSWER_SECONDS)
    except (RayError, ImportError) as error:
        return NodeReport(node=name, failed=last_line(error))


def _gpus_seen() -> int:
    """The GPUs that torch sees, in a process of its own: Ray hides GPUs from tasks that request none."""
    shell = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, env=shell, timeout=120)
    return int(done.stdout.strip() or 0) if done.returncode == 0 else 0


def _storage(check: NodeCheck) -> str:
    """The error of the store here, or nothing. The mark is checked first: an unshared folder stays untouched."""
    from pyarrow import ArrowException, fs

    try:
        filesystem, root = open_filesystem(check.store_uri)
        if filesystem.get_file_info(f"{root}/{check.mark}").type != fs.FileType.File:
            return "it is not the same folder there"
        Store.open(check.store_uri)
    except (ArrowException, OSError, AtlasError) as error:
        return str(error)
    return ""


def _backbone(folder: str) -> str:
    try:
        return digest(Path(folder)) if folder else ""
    except OSError:
        return ""


def _is_prepared(folder: str) -> bool:
    try:
        return prepared_at(StoragePath.at(folder)) is not None
    except AtlasError:
        return False
