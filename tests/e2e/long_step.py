"""Does a step that is cut off go on where it was? A sweep whose last step is long, and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, base_learner, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner

UPDATES = 120  # several seconds on a quiet machine: a notice takes some to arrive


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """ATLAS, with so many updates of the expansion stage, which the second task is the first to have."""
    base = base_learner(options.training)
    return replace(base, expansion=replace(base.expansion, steps=UPDATES))


if __name__ == "__main__":
    main(Sweep(name="long-step", question=__doc__ or "", learner=learner, trials=1))
