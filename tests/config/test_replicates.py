"""Seeds as needed: which seed a trial takes, how many trials there are, and what is refused."""

from __future__ import annotations

import pytest
from optuna.trial import FixedTrial

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.replicates import REPLICATE
from atlas.config.space import params_of
from atlas.config.sweep import Sweep
from atlas.runtime.errors import UserError
from atlas.search import order_choices

TASKS = ("digits", "easy-ve", "easy-vqa")
ORDERS = Sweep(name="orders", question="?", searches_orders=True, trials=8)


def experiment(sweep: Sweep = ORDERS, **options: object) -> Experiment:
    given = {"tasks": TASKS, "seeds": (3, 5), "seeds_as_needed": True, **options}
    return Experiment(sweep=sweep, options=Options.of(**given))


@pytest.mark.parametrize(("place", "seed"), [(0, 3), (1, 5)])
def test_a_trial_takes_the_seed_that_its_sampler_chooses(place: int, seed: int) -> None:
    trial = FixedTrial({**params_of(TASKS), REPLICATE: place})
    config = experiment().propose(trial)  # type: ignore[arg-type]
    assert config.seeds == (seed,)
    assert config.parameters == {}
    assert REPLICATE == order_choices.REPLICATE


def test_there_are_no_more_trials_than_orders_with_seeds() -> None:
    assert experiment().trial_count() == 8
    assert experiment(trials=40).trial_count() == 12
    assert experiment(orders=("7",)).trial_count() == 7
    assert experiment(trials=40).orders_in_words() == (
        "12 trials (40 are asked for; there are no more), each one of 6 orders with one seed"
    )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"seeds": (3,)}, "--seeds is 3 alone; give two or more"),
        ({"sampler": "tpe"}, "the sampler tpe does not know which orders are worth another seed"),
        ({"orders": ("all",)}, "--orders is 'all'; give the number of trials"),
        ({"orders": ("digits,easy-ve,easy-vqa",)}, "--orders is 'digits,easy-ve,easy-vqa'"),
    ],
)
def test_seeds_that_nobody_can_choose_are_refused(options: dict[str, object], match: str) -> None:
    experiment().check()
    with pytest.raises(UserError, match=match):
        experiment(**options).check()


def test_a_sweep_that_searches_no_orders_is_refused() -> None:
    with pytest.raises(UserError, match="the sweep mine searches no orders"):
        experiment(Sweep(name="mine", question="?")).check()
