"""How long and how fast should the two stages be, and is stage 1 worth its time?

    python sweeps/schedule.py                      8 trials over two orders of the four offline tasks
    python sweeps/schedule.py --trials 40 --seeds 0 1
    python sweeps/schedule.py --decay constant     longer stages go on where shorter ones ended

Searched, on a small grid so that trials share steps: whether stage 1 (queries over the past) is learnt at all, each
stage's length and rate, and the factor of the queries' rate. The first task has stage 2 alone, so trials that agree on
it share that step. Cost: about 80 s a trial on two cores. Expect longer second stages to win, and the rate to matter
more than stage 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, base_learner, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner, Schedule


LENGTHS = (0.5, 1.0, 2.0)


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """ATLAS with suggested schedules."""
    base = base_learner(options.training)
    expansion = suggest(trial, "expansion", base.expansion)
    if not trial.suggest_categorical("stage_1", [True, False]):
        return replace(base, experience=None, expansion=expansion)
    factor = trial.suggest_categorical("query_rate_factor", [1.0, 10.0, 100.0])
    experience = replace(suggest(trial, "experience", base.expansion), query_rate_factor=factor)
    return replace(base, experience=experience, expansion=replace(expansion, query_rate_factor=factor))


def suggest(trial: optuna.Trial, stage: str, schedule: Schedule) -> Schedule:
    """The schedule at half, one or two times its length, and at a rate of the grid."""
    length = trial.suggest_categorical(f"{stage}_length", LENGTHS)
    rate = trial.suggest_categorical(f"{stage}_rate", [5e-4, 1e-3, 2e-3, 4e-3])
    return replace(schedule.lengths(LENGTHS)[length], learning_rate=rate)


STAGE_2 = {"expansion_length": 1.0, "expansion_rate": 2e-3}
STAGE_1 = {"stage_1": True, "query_rate_factor": 10.0, "experience_length": 1.0, "experience_rate": 2e-3}
SWEEP = Sweep(
    name="schedule",
    question=__doc__ or "",
    learner=learner,
    trials=8,
    searched=("learning_rate",),
    smoke_points=(
        {**STAGE_2, **STAGE_1},
        {**STAGE_2, "stage_1": False},
        {"expansion_length": 2.0, "expansion_rate": 4e-3, "stage_1": False},
    ),
)

if __name__ == "__main__":
    main(SWEEP)
