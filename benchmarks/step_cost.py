"""Question: what does a step cost beside training and scoring?

Command: python -m benchmarks.step_cost [--updates 5]
Cost: about half a minute on one core. Expect: below 0.1 CPU seconds a step, growing with the adapters to be loaded.

The steps of one walk over the offline tasks, on vilt-tiny, by one thread. CPU seconds of the process, which do not
depend on what else the machine does: all of `train_step`, training (`fit`), scoring (`scores_of`), loading what the
step builds on, committing, and the rest beside training and scoring, in which loading and committing are.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

PARTS = ("fit", "scores_of", "load_steps", "save_step")
COLUMNS = "{:<44} {:>7} {:>9} {:>8} {:>8} {:>11} {:>6}"


@dataclass
class Cost:
    """CPU seconds of one step, in all and by its parts."""

    title: str
    total: float = 0.0
    parts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @property
    def rest(self) -> float:
        """CPU seconds beside training and scoring."""
        return self.total - self.parts["fit"] - self.parts["scores_of"]

    def row(self) -> str:
        """The row of the table."""
        figures = (self.total, *self.parts.values(), self.rest)
        return COLUMNS.format(self.title[:44], *(f"{figure:.3f}" for figure in figures))


@contextmanager
def measured(cost: Cost) -> Iterator[None]:
    """Context in which `train_step` adds what its parts take to `cost`."""
    from atlas.steps import train

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                cost.parts[name] += time.process_time() - began

        return call

    with ExitStack() as patches:
        for name in PARTS:
            patches.enter_context(patch.object(train, name, timed(name, getattr(train, name))))
        began = time.process_time()
        yield
        cost.total = time.process_time() - began


def step_costs(updates: int, storage: Path) -> Iterator[Cost]:
    """The cost of each step of a walk over the offline tasks, as it is trained."""
    import torch

    from atlas.config.learners import base_learner
    from atlas.config.options import Options
    from atlas.learners.process_group import ProcessGroup
    from atlas.steps.train import open_worker_context, train_step
    from atlas.steps.walk import Walk
    from atlas.storage.store import Store
    from atlas.sweep.inputs import resolve_inputs

    torch.set_num_threads(1)
    options = Options.of(steps=updates, evaluate=(64, 128), storage=str(storage))
    inputs, store = resolve_inputs(options), Store.open(str(storage / "store"))
    prepared = {name: str(one.path) for name, one in inputs.prepared.items()}
    worker_context = open_worker_context(str(inputs.backbone), prepared, ProcessGroup())
    walk = Walk(order=options.search.tasks, learner=base_learner(options.training), seed=0)
    for step in (step for stages in walk.steps(inputs.step_inputs) for step in stages):
        cost = Cost(step.title)
        with measured(cost):
            train_step(step, worker_context, store)
        yield cost


def main() -> None:
    """Print a table: a row for each step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=5, help="updates of each step")
    given = parser.parse_args()
    print(
        COLUMNS.format("step (CPU seconds)", "total", "training", "scoring", "loading", "committing", "rest"),
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        for cost in step_costs(given.updates, Path(folder)):
            print(cost.row(), flush=True)


if __name__ == "__main__":
    main()
