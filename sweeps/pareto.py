"""Which settings know most for what they forget and what they cost: which are beaten by none in all of these?

    python sweeps/pareto.py                        12 settings over two orders of the four offline tasks
    python sweeps/pareto.py --orders 4 --seeds 0 1
    python sweeps/pareto.py --smoke

Tried, each once: the adapter (bottleneck or LoRA) at three ranks, with stage 1 (queries over the past) and without.
Trials are ranked by their average accuracy as everywhere; the end and the page show the Pareto front of those that
finished, in accuracy, forgetting, stored parameters and training operations. Settings with stage 1 and those without
share nothing but the data. Cost: about 60 s a trial on two cores; `--smoke`, three settings of two tasks, a minute in
all (all three are on its front, LoRA of rank 2 first, and none can be told apart). Expect low ranks on the front, since
a parameter more buys little accuracy here, and settings without stage 1 among the cheap ones.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, base_learner, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner

ADAPTERS, RANKS = ("bottleneck", "lora"), (2, 8, 32)


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """ATLAS with a suggested adapter, with stage 1 or without."""
    base = base_learner(options.training)
    adapter = trial.suggest_categorical("adapter", ADAPTERS)
    rank = trial.suggest_categorical("rank", RANKS)
    two = trial.suggest_categorical("stage_1", (True, False))
    return replace(base, adapter=adapter, rank=rank, experience=base.experience if two else None)


GRID = tuple(
    {"adapter": adapter, "rank": rank, "stage_1": two} for adapter, rank, two in product(ADAPTERS, RANKS, (True, False))
)
SWEEP = Sweep(
    name="pareto",
    question=__doc__ or "",
    learner=learner,
    points=GRID,
    trials=len(GRID),
    searched=("rank",),
    objectives=("forgetting", "stored_parameters", "flops"),
    smoke_points=(GRID[0], GRID[5], GRID[6]),
)

if __name__ == "__main__":
    main(SWEEP)
