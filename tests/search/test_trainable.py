from __future__ import annotations

import json

from optuna.trial import FixedTrial

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.trial import TrialConfig, trial_config_from
from tests.small import atlas


def test_each_order_is_walked_once_a_seed() -> None:
    walks = TrialConfig(learner=atlas(rank=3), orders=(("a", "b"), ("b", "a")), seeds=(5, 6)).walks()
    assert [(walk.order, walk.seed) for walk in walks] == [
        (("a", "b"), 5),
        (("a", "b"), 6),
        (("b", "a"), 5),
        (("b", "a"), 6),
    ]
    assert {walk.learner for walk in walks} == {atlas(rank=3)}


def test_a_proposal_is_walked_as_it_was_meant() -> None:
    sweep = Sweep(name="x", question="?", learner=lambda trial, options: atlas(adapter="lora"))
    config = Experiment(
        sweep=sweep, options=Options.of(tasks=("a", "b"), orders=("a,b",), seeds=(1,)), precision="bfloat16"
    ).propose(FixedTrial({}))  # type: ignore[arg-type]
    (walk,) = trial_config_from(json.loads(json.dumps(config.to_tune()))).walks()
    assert (walk.order, walk.seed) == (("a", "b"), 1)
    assert walk.learner == atlas(adapter="lora").at_precision("bfloat16")
