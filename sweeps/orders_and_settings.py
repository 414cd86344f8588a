"""Which settings, in which order, and do they hold in orders that they were not chosen by?

    python sweeps/orders_and_settings.py                         12 trials over orders of the four offline tasks
    python sweeps/orders_and_settings.py --trials 20 --stop-early median --budget 8h
    python sweeps/orders_and_settings.py --smoke

Searched together, an order and a setting a trial: the adapters' rank, their combination (learnt, uniform), the length
of the second stage, and the order. The best of many pairs looks better than it is. So the winner's setting is walked
along two further orders that no trial of the search took, after its end, and its mean, its worst order and the gap
between the orders that chose it and these are printed. Trials share their steps where their settings agree. Cost:
about 60 s a trial on two cores; `--smoke` is two settings of three tasks, 23 short steps. Expect a gap of some points:
the order matters more than these settings do (in the smoke run 60.9 % in the order that chose the setting, 58.9 % on
two held-out ones).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, base_learner, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner


LENGTHS = (0.5, 1.0, 2.0)


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """ATLAS with a suggested rank, combination and length of the second stage."""
    base = base_learner(options.training)
    combination = trial.suggest_categorical("combination", ["learned", "uniform"])
    length = trial.suggest_categorical("expansion_length", LENGTHS)
    return replace(
        base,
        rank=trial.suggest_categorical("rank", [4, 16]),
        fusion=replace(base.fusion, combination=combination),
        expansion=base.expansion.lengths(LENGTHS)[length],
    )


SWEEP = Sweep(
    name="orders-and-settings",
    question=__doc__ or "",
    learner=learner,
    searches_orders=True,
    trials=12,
    defaults=Options.of(sampler="orders"),
    held_out=2,
    searched=("rank",),
    small=Options.of(tasks=("easy-vqa", "digits", "piqa-twin"), steps=8, evaluate=(64, 64), smoke=True),
    smoke_points=(
        {"combination": "learned", "expansion_length": 1.0, "rank": 4},
        {"combination": "uniform", "expansion_length": 0.5, "rank": 4},
    ),
)

if __name__ == "__main__":
    main(SWEEP)
