"""Which backbone, trained alike, knows most after the last task?

    for name in vilt-tiny clip-tiny vlm-tiny; do python sweeps/backbones.py --backbone $name; done
    python -m atlas show --all backbones                         their best settings, a row each
    python sweeps/backbones.py --backbone vlm-tiny --smoke

Searched for each: the learning rate, since backbones of other sizes want another; the learner is ATLAS unless
`--learner` names another. A sweep has one backbone, which its workers load and its tasks are prepared for, so each is a
sweep of its own; orders, seeds and updates are the same, and `show --all` puts them into one table, and says where they
are not. The readout is `head` on all three; `--readout similarity` on clip-tiny is a further row. Cost: `--dry-run`
estimates it; vlm-tiny has four times the parameters of the others, and takes three to four times as long. Expect
vlm-tiny to end highest, most of all on easy-vqa and easy-pair, about whose images it can answer questions before it is
trained on them (its card has the figures): `--tasks easy-vqa digits --steps 30 --evaluate 100 200` ended at 95.6 % of
test, with vilt-tiny at 73.8 and clip-tiny at 53.0; `--smoke` at 91, 58 and 50.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas.sweep import Options, Sweep, learner_named, main

if TYPE_CHECKING:
    import optuna

    from atlas.learners import Learner

RATES = (1e-3, 3e-3)


def learner(trial: optuna.Trial, options: Options) -> Learner:
    """The learner that the options name, at a suggested learning rate."""
    rate = trial.suggest_categorical("learning_rate", RATES)
    return learner_named(options.training.learner, replace(options.training, learning_rate=rate))


SWEEP = Sweep(
    name="backbones",
    question=__doc__ or "",
    learner=learner,
    points=tuple({"learning_rate": rate} for rate in RATES),
    trials=len(RATES),
    any_learner=True,
    searched=("learning_rate",),
)

if __name__ == "__main__":
    main(SWEEP)
