"""Which learner knows most after the last task: ATLAS, its stages alone, or one of the baselines?

    python sweeps/compare.py                                     all learners over two orders of the four offline tasks
    python sweeps/compare.py --orders all --seeds 0 1 2
    python sweeps/compare.py --backbone clip-tiny --readout similarity --tasks digits easy-vqa
    python sweeps/compare.py --smoke

Each trial is one learner of the catalogue, walked along the same orders and seeds, with as many updates a task as ATLAS
has in its two stages (on the first task ATLAS has one stage, so half of theirs); `rail`, which has no updates, reads
every record of a task once. Its own settings, such as the λ of EWC, are those of its paper; `learner.py` tunes them.
Learners that do not work with the readout, the towers or the tasks that are asked for are left out, and named in the
plan. Steps are shared where learners agree: the first task of ATLAS, `lone-adapters` as references, the joint trainings
of one set of tasks, the statistics of `rail`. Learners that tune the backbone cost more time an update (no part of the
backward pass is left out) and store the backbone with each step. Cost of the default: the plan estimates it
(`--dry-run`). Expect `lone-adapters` to forget nothing, fine-tuning to forget most, and `joint` to be the upper bound
on route latest only where the updates suffice for a backbone: in 80 a task, on three twins, it ends 13 points below
lone adapters (docs/measured.md has the table of all).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas.config.captions_check import check_captions
from atlas.learners import LEARNERS
from atlas.runtime.errors import UserError
from atlas.sweep import Options, Sweep, learner_named, main

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from atlas.learners import Learner

NAMES = tuple(LEARNERS)


def suits(point: Mapping[str, Any], options: Options) -> bool:
    """Whether a learner works with the readout, the towers and the tasks that are asked for."""
    training = options.training
    try:
        tried = LEARNERS[point["learner"]]().with_readout(training.readout).with_towers(training.towers)
        check_captions(options.search, tried)
    except UserError:
        return False
    return True


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """The suggested learner of the catalogue."""
    names = [name for name in NAMES if suits({"learner": name}, options)]
    return learner_named(trial.suggest_categorical("learner", names), options.training)


SWEEP = Sweep(
    name="compare",
    question=__doc__ or "",
    learner=learner,
    points=tuple({"learner": name} for name in NAMES),
    trials=len(NAMES),
    suits=suits,
    searched=("learner",),
)

if __name__ == "__main__":
    main(SWEEP)
