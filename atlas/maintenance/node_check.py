"""A node of a cluster: what it has of all that a sweep's workers need there."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import atlas
from atlas.backbones import digest
from atlas.data.cache import prepared_at
from atlas.runtime.errors import AtlasError
from atlas.runtime.text import last_line
from atlas.storage.filesystem import StoragePath, open_filesystem
from atlas.storage.store import Store
from atlas.sweep.provenance import PACKAGES

ANSWER_SECONDS = 180.0
COUNT = "import torch; print(torch.cuda.device_count())"


@dataclass(frozen=True, kw_only=True)
class NodeCheck:
    """What a node is asked to look at: the store, a file just put there, the backbone's folder, tasks' addresses."""

    store_uri: str
    mark: str
    backbone: str = ""
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a node answered. `gpus`: what Ray counts there, `gpus_seen`: what torch sees.

    `storage` is what is wrong with it, or empty; `backbone` the digest of its weights, empty where it is missing;
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


def look(node: str, gpus: int, errand: NodeCheck) -> Report:
    """Run on a node, by Ray: look at everything, change nothing that stays."""
    return Report(
        node=node,
        versions=versions(),
        token=os.environ.get("RAY_AUTH_MODE", "").lower() == "token",
        gpus=gpus,
        gpus_seen=_gpus_seen() if gpus else 0,
        storage=_storage(errand),
        backbone=_backbone(errand.backbone),
        lacks=tuple(task for task, folder in errand.prepared.items() if not _is_prepared(folder)),
    )


def visit(nodes: Iterable[Mapping[str, Any]], errand: NodeCheck) -> list[Report]:
    """One report a node, looked at by a task that is pinned there. `nodes` as `ray.nodes()` lists them."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = []
    for node in nodes:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(look).options(num_cpus=0, max_retries=0, scheduling_strategy=here)
        name = f"{node['NodeManagerAddress']} ({node['NodeID'][:6]})"
        asked.append((name, task.remote(name, int(node["Resources"].get("GPU", 0)), errand)))
    return [_answer(name, waiting) for name, waiting in asked]


def versions() -> dict[str, str]:
    """Of Python, of this package with the digest of its code, and of the packages that results depend on."""
    found = {"python": platform.python_version(), "atlas": _code()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _answer(name: str, waiting: Any) -> Report:
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(waiting, timeout=ANSWER_SECONDS)
    except (RayError, ImportError) as error:
        return Report(node=name, failed=last_line(error))


def _code() -> str:
    folder = Path(atlas.__file__).parent
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:12]


def _gpus_seen() -> int:
    """What torch counts, in a process of its own: Ray hides GPUs from tasks that ask for none."""
    shell = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, env=shell, timeout=120)
    return int(done.stdout.strip() or 0) if done.returncode == 0 else 0


def _storage(errand: NodeCheck) -> str:
    """What is wrong with the store here. The mark is looked for first: a folder that is not shared stays untouched."""
    from pyarrow import ArrowException, fs

    try:
        filesystem, root = open_filesystem(errand.store_uri)
        if filesystem.get_file_info(f"{root}/{errand.mark}").type != fs.FileType.File:
            return "it is not the same folder there"
        Store.open(errand.store_uri)
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
