"""The same walk in several precisions, and twice: accuracies, bit identity, and what determinism costs."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

TASKS = ("digits", "piqa-twin")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a walk: R's last row in percent, the digest of all adapters and heads, seconds of training."""

    precision: str
    deterministic: bool
    accuracies: tuple[float, ...]
    digest: str
    seconds: float


def outcomes(device: str, folder: Path, *, updates: int, times: int = 2) -> Iterator[Outcome]:
    """The walk in float32 and bfloat16, each as it comes and with determinism on, `times` times."""
    for precision in ("float32", "bfloat16"):
        for deterministic in (False, True):
            for number in range(times):
                place = folder / f"{precision}-{deterministic}-{number}"
                yield alone(device, place, precision, deterministic, updates)


def alone(device: str, folder: Path, precision: str, deterministic: bool, updates: int) -> Outcome:
    """The outcome of the walk in a process of its own, since determinism is decided before CUDA starts."""
    context = get_context("spawn")
    results = context.Queue()
    given = (device, str(folder), precision, deterministic, updates, results)
    process = context.Process(target=walk, args=given)
    process.start()
    found: Outcome = results.get(timeout=300)
    process.join()
    return found


def walk(device: str, folder: str, precision: Any, deterministic: bool, updates: int, results: Any) -> None:
    """Train the walk, step by step, and put its outcome into the queue."""
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    import torch

    from atlas.config.learners import base_learner
    from atlas.config.options import Options
    from atlas.learners.process_group import ProcessGroup
    from atlas.steps.train import open_worker_context, train_step
    from atlas.steps.walk import Walk
    from atlas.storage.store import Store
    from atlas.sweep.inputs import resolve_inputs

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(deterministic)
    options = Options.of(tasks=TASKS, steps=updates, evaluate=(200, 400), storage=str(Path(folder).parent))
    inputs, store = resolve_inputs(options), Store.open(str(Path(folder) / "store"))
    prepared = {name: str(one.path) for name, one in inputs.prepared.items()}
    context = open_worker_context(str(inputs.backbone), prepared, ProcessGroup(device=torch.device(device)))
    learner = base_learner(options.training).at_precision(precision)
    steps = [step for stages in Walk(order=TASKS, learner=learner, seed=0).steps(inputs.step_inputs) for step in stages]
    began = time.perf_counter()
    found = [train_step(step, context, store) for step in steps]
    seconds = time.perf_counter() - began
    weights = hashlib.sha256()
    for step in steps:
        for path in sorted(store.fetch(step.key).rglob("*.safetensors")):
            weights.update(path.read_bytes())
    accuracies = tuple(round(found[-1].scores.latest.test[task], 2) for task in TASKS)
    outcome = Outcome(
        precision=precision,
        deterministic=deterministic,
        accuracies=accuracies,
        digest=weights.hexdigest()[:12],
        seconds=seconds,
    )
    results.put(outcome)
