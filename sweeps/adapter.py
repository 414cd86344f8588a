"""Which adapter, and which combination of adapters, serves these tasks best?

    python sweeps/adapter.py                       8 trials over two orders of the four offline tasks
    python sweeps/adapter.py --trials 40 --orders 4 --aim worst

Searched: the adapter's kind and rank, the weighting (whole or dimension), the normalisation, where the skip stands,
and the combination: learnt from queries and keys, uniform, or fixed numbers. Every setting holds for all tasks of an
order, so trials share their steps only where their settings agree. Cost: about 80 s a trial on two cores. Expect the
differences between ranks to be small beside those between combinations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, base_learner, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """ATLAS with a suggested adapter and combination."""
    base = base_learner(options.training)
    combination = trial.suggest_categorical("combination", ["learned", "uniform", "fixed"])
    weights: tuple[float, ...] = ()
    weighting = "whole"
    if combination == "learned":
        weighting = trial.suggest_categorical("weighting", ["whole", "dimension"])
    if combination == "fixed":
        past = trial.suggest_float("past_weight", 0.0, 1.0)
        weights = (*(past for _ in options.search.tasks[1:]), 1.0)
    fusion = replace(
        base.fusion,
        combination=combination,
        weights=weights,
        weighting=weighting,
        normalisation=trial.suggest_categorical("normalisation", ["none", "sum", "softmax"]),
        skip=trial.suggest_categorical("skip", ["inside", "outside"]),
    )
    return replace(
        base,
        fusion=fusion,
        adapter=trial.suggest_categorical("adapter", ["bottleneck", "lora"]),
        rank=trial.suggest_categorical("rank", [4, 8, 16, 32]),
    )


BASE = {"combination": "learned", "weighting": "whole", "normalisation": "none", "skip": "inside"}
SWEEP = Sweep(
    name="adapter",
    question=__doc__ or "",
    learner=learner,
    trials=8,
    searched=("rank", "learner"),
    smoke_points=(
        {**BASE, "adapter": "bottleneck", "rank": 16},
        {**BASE, "normalisation": "softmax", "adapter": "bottleneck", "rank": 4},
        {"combination": "uniform", "normalisation": "none", "skip": "outside", "adapter": "lora", "rank": 4},
    ),
)

if __name__ == "__main__":
    main(SWEEP)
