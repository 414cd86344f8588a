"""The same walk in several precisions and ways of computing, twice each: accuracies, bit identity, cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

TASKS = ("digits", "piqa-twin")
PATIENCE = 300.0  # seconds for the slowest walk


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A way to compute the walk: precision, PyTorch's deterministic algorithms, updates recorded, layers compiled."""

    precision: Any
    deterministic: bool = False
    graphs: bool = False
    compile: bool = False

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return "-".join(map(str, astuple(self)))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a walk: R's last row in percent, the digest of all adapters and heads, seconds of training."""

    variant: Variant
    accuracies: tuple[float, ...]
    digest: str
    seconds: float


VARIANTS = tuple(
    Variant(precision=precision, deterministic=deterministic, graphs=graphs, compile=compile)
    for precision in ("float32", "bfloat16")
    for deterministic, graphs, compile in (
        (False, False, False),
        (False, True, False),
        (True, True, False),
        (False, True, True),
    )
)


def outcomes(
    device: str, folder: Path, variants: tuple[Variant, ...], *, updates: int, times: int
) -> Iterator[Outcome]:
    """The outcomes of the variants, each `times` times, all at once in processes of their own, as they come.

    Determinism is decided before CUDA starts.
    """
    context = get_context("spawn")
    inputs(folder, updates)
    results, started = context.Queue(), []
    for variant in variants:
        for number in range(times):
            place = folder / f"{variant.folder}-{number}"
            started.append(context.Process(target=walk, args=(device, place, variant, updates, results)))
            started[-1].start()
    for _ in started:
        yield results.get(timeout=PATIENCE)
    for process in started:
        process.join()


def inputs(folder: Path, updates: int) -> Any:
    """The inputs of the walk, prepared once in a folder, and its options."""
    from atlas.config.options import Options
    from atlas.sweep.inputs import resolve_inputs

    options = Options.of(tasks=TASKS, steps=updates, evaluate=(200, 400), storage=str(folder))
    return options, resolve_inputs(options)


def walk(device: str, folder: Path, variant: Variant, updates: int, results: Any) -> None:
    """Train the walk, step by step, and put its outcome into the queue."""
    from atlas.learners.determinism import compute_deterministically

    if variant.deterministic:
        compute_deterministically()
    import torch

    from atlas.config.learners import base_learner
    from atlas.learners.compute import Compute
    from atlas.learners.process_group import ProcessGroup
    from atlas.steps.train import open_worker_context, train_step
    from atlas.steps.walk import Walk
    from atlas.storage.store import Store

    torch.set_num_threads(1)
    options, found = inputs(folder.parent, updates)
    store = Store.open(str(folder))
    prepared = {name: str(one.path) for name, one in found.prepared.items()}
    group = ProcessGroup(device=torch.device(device), compute=Compute(graphs=variant.graphs, compile=variant.compile))
    context = open_worker_context(str(found.backbone), prepared, group)
    learner = base_learner(options.training).at_precision(variant.precision)
    stages = Walk(order=TASKS, learner=learner, seed=0).steps(found.step_inputs)
    steps = [step for parts in stages for step in parts]
    trained = [train_step(step, context, store) for step in steps]
    weights = hashlib.sha256()
    for step in steps:
        for path in sorted(store.fetch(step.key).rglob("*.safetensors")):
            weights.update(path.read_bytes())
    results.put(
        Outcome(
            variant=variant,
            accuracies=tuple(round(trained[-1].scores.latest.test[task], 2) for task in TASKS),
            digest=weights.hexdigest()[:12],
            seconds=sum(one.cost.learning for one in trained),
        )
    )
