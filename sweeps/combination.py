"""How should adapters be combined, so that the newest model still knows the oldest task?

    python sweeps/combination.py                        the default tasks along two orders
    python sweeps/combination.py --orders all --seeds 0 1 2
    python sweeps/combination.py --smoke

Tried, one after another: α learnt from queries and keys as published, its sum as it is, normalised to 1 or by a
softmax, each with the adapters' skip inside or outside of the sum, and α = 1/t for all. Every other setting stays as it
is, so that what differs is the combination's. Cost: some two minutes a combination and order on two cores. Expect the
published sum, not normalised and with a skip in each adapter, to forget most, and the others to be hard to tell apart.
`--learner atlas-normalised` takes one of them (softmax, skip outside) to every other sweep.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, base_learner, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner

LEARNT = [(normalisation, skip) for normalisation in ("none", "sum", "softmax") for skip in ("inside", "outside")]


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """ATLAS with a suggested combination of its adapters."""
    base = base_learner(options.training)
    fusion = replace(
        base.fusion,
        combination=trial.suggest_categorical("combination", ["learned", "uniform"]),
        normalisation=trial.suggest_categorical("normalisation", ["none", "sum", "softmax"]),
        skip=trial.suggest_categorical("skip", ["inside", "outside"]),
    )
    return replace(base, fusion=fusion)


SWEEP = Sweep(
    name="combination",
    question=__doc__ or "",
    learner=learner,
    points=(
        *({"combination": "learned", "normalisation": one, "skip": skip} for one, skip in LEARNT),
        {"combination": "uniform", "normalisation": "none", "skip": "outside"},
    ),
    trials=len(LEARNT) + 1,
    searched=("learner",),
    smoke_points=(
        {"combination": "learned", "normalisation": "none", "skip": "inside"},
        {"combination": "learned", "normalisation": "softmax", "skip": "outside"},
    ),
)

if __name__ == "__main__":
    main(SWEEP)
