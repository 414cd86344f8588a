"""Provenance of a sweep's figures, apart from its settings: its file, this version of atlas, the kind of machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from atlas.config.shipped import INSTALLED, PACKAGE
from atlas.learners import learner_digest
from atlas.report.summary import MachineFacts, Provenance
from atlas.runtime.digest import file_sha256, text_sha256
from atlas.steps.step import RECIPE

PACKAGES = ("ray", "torch", "transformers", "peft", "optuna", "mlflow", "pyarrow")
VECTORS = ("avx512f", "avx2", "asimd")  # torch chooses its kernels by these; the widest first


def provenance_of(file: str, learners: Iterable[str] = ()) -> Provenance:
    """The summary's key `origin`, for a sweep of the Python `file` whose trials have these `learners`."""
    path, own = Path(file), {name: digest for name in sorted(set(learners)) if (digest := learner_digest(name))}
    made = Provenance(
        file_digest=file_sha256(path) if path.is_file() else "",
        code=code_digest(),
        recipe=RECIPE,
        machine=machine(),
        learners=own,
    )
    return made if own else made.without("learners")


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide figures."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


@cache
def code_digest() -> str:
    """sha256 over the names and contents of this package's Python files; a checkout and its wheel have the same."""
    files = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    names = sorted(path.as_posix() for path in files if path.parts[0] != INSTALLED)
    return text_sha256("".join(f"{name} {file_sha256(PACKAGE / name)}\n" for name in names))


def machine() -> MachineFacts:
    """The kind of this machine, which decides the last bits of a result; no name of it.

    `joined`: whether steps are trained on a cluster that was joined, whose nodes may be of other kinds.
    """
    return MachineFacts(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cpus=os.cpu_count() or 1,
        gpus=_gpus(),
        joined=bool(os.environ.get("RAY_ADDRESS")),
    )


def _processor() -> str:
    """The processor's name and its widest vector instructions."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    flags = facts.get("flags", facts.get("Features", "")).split()
    widest = next((name for name in VECTORS if name in flags), "")
    wide = os.environ.get("ATEN_CPU_CAPABILITY", widest)
    return ", ".join(filter(None, (facts.get("model name") or platform.processor() or platform.machine(), wide)))


def _gpus() -> tuple[str, ...]:
    """The names of the NVIDIA GPUs."""
    found: list[str] = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = (line.partition(":") for line in path.read_text().splitlines())
        found += [value.strip() for name, _, value in lines if name == "Model"]
    return tuple(found)
