"""How strong is a learner once its own settings are tuned?

    python sweeps/learner.py                                  8 trials of EWC over two orders of the four offline tasks
    python sweeps/learner.py --learner replay --trials 30 --orders 4
    python sweeps/learner.py --learner fine-tuning --smoke

A baseline with the settings of its paper, from other models and data, says little; `compare.py` takes those, this
tunes one learner of the catalogue. Searched: its learning rate, and what it has of its own: the λ of `ewc`, `lwf`,
`o-lora`, `adapter-fusion`, `zscl` and `rail`, the temperature of `lwf`, the memory of `replay`, the experts of
`moe-adapters`, the pool of `l2p`. Trials share their steps only where their settings agree. Cost of the default: the
plan estimates it (`--dry-run`). Expect the learning rate to matter most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlas.sweep import Options, Sweep, TrainingOptions, learner_named, main

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from atlas.learners import Learner


def memory(trial: optuna.Trial) -> dict[str, Any]:
    """The share of a task that is kept, its choice and its weight."""
    from atlas.learners import Memory

    records = trial.suggest_categorical("records", [20, 50, 100, 200, 400])
    chosen = trial.suggest_categorical("chosen", ["random", "balanced"])
    return {
        "memory": Memory(records=records, chosen=chosen),
        "weight": trial.suggest_float("weight", 0.25, 4, log=True),
    }


OWN: dict[str, Callable[[optuna.Trial], dict[str, Any]]] = {
    "ewc": lambda trial: {"weight": trial.suggest_float("weight", 1, 1e6, log=True)},
    "lwf": lambda trial: {
        "weight": trial.suggest_float("weight", 0.1, 10, log=True),
        "temperature": trial.suggest_categorical("temperature", [1.0, 2.0, 4.0]),
    },
    "o-lora": lambda trial: {"weight": trial.suggest_float("weight", 1e-3, 10, log=True)},
    "adapter-fusion": lambda trial: {"weight": trial.suggest_float("weight", 1e-4, 1, log=True)},
    "replay": memory,
    "zscl": lambda trial: {
        "weight": trial.suggest_float("weight", 0.1, 10, log=True),
        "consolidation": trial.suggest_float("consolidation", 1e-2, 1e4, log=True),
        "snapshots": trial.suggest_categorical("snapshots", [0, 5, 10]),
    },
    "moe-adapters": lambda trial: {
        "experts": trial.suggest_categorical("experts", [4, 8, 16, 22]),
        "top": trial.suggest_int("top", 1, 4),
    },
    "l2p": lambda trial: {
        "size": trial.suggest_categorical("size", [10, 20, 40]),
        "length": trial.suggest_categorical("length", [1, 5, 10]),
        "weight": trial.suggest_float("weight", 1e-2, 1, log=True),
    },
    "rail": lambda trial: {
        "ridge": trial.suggest_float("ridge", 1e-3, 1e2, log=True),
        "share": trial.suggest_float("share", 0, 1),
    },
}


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """The learner that `--learner` names, with a suggested rate and its own settings."""
    rate = trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True)
    made = learner_named(options.training.learner, replace(options.training, learning_rate=rate))
    own = OWN.get(options.training.learner)
    return replace(made, **own(trial)) if own else made


SWEEP = Sweep(
    name="learner",
    question=__doc__ or "",
    learner=learner,
    any_learner=True,
    defaults=Options(training=TrainingOptions(learner="ewc")),
    trials=8,
    searched=("learning_rate",),
    smoke_points=({"learning_rate": 1e-4}, {"learning_rate": 1e-3}, {"learning_rate": 1e-2}),
)

if __name__ == "__main__":
    main(SWEEP)
