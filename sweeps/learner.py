"""How strong is a learner once its own settings are tuned?

    python sweeps/learner.py                                  8 trials of EWC over two orders of the four offline tasks
    python sweeps/learner.py --learner replay --trials 30 --orders 4
    python sweeps/learner.py --learner fine-tuning --smoke

A baseline with the settings of its paper, from other models and data, says little; `compare.py` takes those, this
tunes one learner of the catalogue. Searched: its learning rate, as a multiple of its usual one; the rank of its
adapters; and what it has of its own: the share of a task's updates that stage 1 of `atlas` takes, how
`atlas-normalised` is normalised, the λ of `ewc`, `lwf`, `o-lora`, `adapter-fusion`, `zscl` and `rail`, the temperature
of `lwf`, the memory of `replay`, the experts of `moe-adapters`, the pool of `l2p`. The first trial has the usual
settings. Each trial has as many updates a task. Trials share their steps only where their settings agree. Cost of the
default: the plan estimates it (`--dry-run`). Expect the learning rate to matter most.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from atlas.learners import LEARNERS, Learner, Schedule, TwoStage, find_learner
from atlas.sweep import Options, Sweep, TrainingOptions, learner_named, main

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna


RANKS = [4, 16, 64]


def stages(trial: optuna.Trial, made: Learner) -> dict[str, Any]:
    """The stages of ATLAS, of one task's updates those of stage 1 the suggested share; without it where that is 0."""
    assert isinstance(made, TwoStage)
    share = trial.suggest_categorical("stage_1_share", [0.0, 0.25, 0.5, 0.75])
    first = made.expansion.times(2 * share) if share else None
    return {"experience": first, "expansion": made.expansion.times(2 * (1 - share))}


def normalised(trial: optuna.Trial, made: Learner) -> dict[str, Any]:
    """The stages, and how the sum of the adapters is normalised."""
    assert isinstance(made, TwoStage)
    fusion = replace(
        made.fusion,
        normalisation=trial.suggest_categorical("normalisation", ["softmax", "sum"]),
        skip=trial.suggest_categorical("skip", ["outside", "inside"]),
    )
    return {**stages(trial, made), "fusion": fusion}


def memory(trial: optuna.Trial, made: Learner) -> dict[str, Any]:
    """The share of a task that is kept, its choice and its weight."""
    from atlas.learners import Memory

    records = trial.suggest_categorical("records", [20, 50, 100, 200, 400])
    chosen = trial.suggest_categorical("chosen", ["random", "balanced"])
    return {
        "memory": Memory(records=records, chosen=chosen),
        "weight": trial.suggest_float("weight", 0.25, 4, log=True),
    }


OWN: dict[str, Callable[[optuna.Trial, Learner], dict[str, Any]]] = {
    "atlas": stages,
    "atlas-normalised": normalised,
    "ewc": lambda trial, _: {"weight": trial.suggest_float("weight", 1, 1e6, log=True)},
    "lwf": lambda trial, _: {
        "weight": trial.suggest_float("weight", 0.1, 10, log=True),
        "temperature": trial.suggest_categorical("temperature", [1.0, 2.0, 4.0]),
    },
    "o-lora": lambda trial, _: {"weight": trial.suggest_float("weight", 1e-3, 10, log=True)},
    "adapter-fusion": lambda trial, _: {"weight": trial.suggest_float("weight", 1e-4, 1, log=True)},
    "replay": memory,
    "zscl": lambda trial, _: {
        "weight": trial.suggest_float("weight", 0.1, 10, log=True),
        "consolidation": trial.suggest_float("consolidation", 1e-2, 1e4, log=True),
        "snapshots": trial.suggest_categorical("snapshots", [0, 5, 10]),
    },
    "moe-adapters": lambda trial, _: {
        "experts": trial.suggest_categorical("experts", [4, 8, 16, 22]),
        "top": trial.suggest_int("top", 1, 4),
    },
    "l2p": lambda trial, _: {
        "size": trial.suggest_categorical("size", [10, 20, 40]),
        "length": trial.suggest_categorical("length", [1, 5, 10]),
        "weight": trial.suggest_float("weight", 1e-2, 1, log=True),
    },
    "rail": lambda trial, _: {
        "ridge": trial.suggest_float("ridge", 1e-3, 1e2, log=True),
        "share": trial.suggest_float("share", 0, 1),
    },
    "routed-adapters": lambda trial, _: {"prototypes": trial.suggest_categorical("prototypes", [1, 5, 20])},
}


def own(name: str, *names: str) -> dict[str, Any]:
    """The usual values of these fields of a learner of the catalogue."""
    made = LEARNERS[name]()
    return {field: getattr(made, field) for field in names}


USUAL: dict[str, dict[str, Any]] = {  # by learner: the values, in its space, of the settings that it has unasked
    "atlas": {"stage_1_share": 0.5},
    "atlas-normalised": {"stage_1_share": 0.5, "normalisation": "softmax", "skip": "outside"},
    "ewc": own("ewc", "weight"),
    "lwf": own("lwf", "weight", "temperature"),
    "o-lora": own("o-lora", "weight"),
    "adapter-fusion": own("adapter-fusion", "weight"),
    "replay": {"records": 100, "chosen": "balanced", "weight": 1.0},
    "zscl": own("zscl", "weight", "consolidation", "snapshots"),
    "moe-adapters": own("moe-adapters", "experts", "top"),
    "l2p": own("l2p", "size", "length", "weight"),
    "rail": own("rail", "ridge", "share"),
    "routed-adapters": own("routed-adapters", "prototypes"),
}


def is_ranked(kind: type[Learner]) -> bool:
    """Whether a learner has adapters with a rank, of its own or those of the ATLAS that it is like."""
    return not {"rank", "like"}.isdisjoint(field.name for field in fields(kind))


def usual(name: str) -> dict[str, Any]:
    """The point of the space at which a learner, of the catalogue or one's own, has its usual settings."""
    rank = {"rank": TrainingOptions().rank} if is_ranked(find_learner(name)) else {}
    return {"rate_times": 1.0, **rank, **USUAL.get(name, {})}


def points(options: Options) -> tuple[dict[str, Any], ...]:
    """The learner's usual settings, which the first trial takes."""
    return (usual(options.training.learner),)


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """The learner that `--learner` names, with a suggested rate and rank, and its own settings."""
    name, training = options.training.learner, options.training
    if is_ranked(find_learner(name)):
        training = replace(training, rank=trial.suggest_categorical("rank", RANKS))
    times = trial.suggest_float("rate_times", 0.1, 10 / 3, log=True)
    made = rated(learner_named(name, training), times)
    return replace(made, **OWN[name](trial, made)) if name in OWN else made


def rated(made: Learner, times: float) -> Learner:
    """The learner with so many times the learning rate in every schedule, also of the one that it is like."""
    changed: dict[str, Any] = {}
    for name, value in vars(made).items():
        if isinstance(value, Schedule):
            changed[name] = replace(value, learning_rate=times * value.learning_rate)
        elif isinstance(value, Learner):
            changed[name] = rated(value, times)
    return replace(made, **changed)


SWEEP = Sweep(
    name="learner",
    question=__doc__ or "",
    learner=learner,
    any_learner=True,
    defaults=Options(training=TrainingOptions(learner="ewc")),
    trials=8,
    points=points,
    searched=("learning_rate", "rank"),
    smoke_points=({"rate_times": 0.1}, {"rate_times": 1.0}, {"rate_times": 3.0}),
)

if __name__ == "__main__":
    main(SWEEP)
