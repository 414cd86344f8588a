"""A trial like another, asked for in a running sweep: what it shares, what is refused, what a resumed run knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from atlas.config.constraint import constraints_from
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.replicates import REPLICATE
from atlas.config.sweep import Sweep
from atlas.learners import Learner
from atlas.search.feasibility import Feasibility
from atlas.search.order_queue import OrderQueue
from atlas.search.trial_record import TrialRecord
from tests.search.test_feasibility import RankCounter
from tests.small import atlas
from tests.sweep.test_live_control import TASKS, World


def suggested(trial: optuna.Trial, options: Options) -> Learner:
    rank = trial.suggest_categorical("rank", [4, 16])
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    adapter = trial.suggest_categorical("adapter", ["bottleneck", "lora"])
    if adapter == "lora":
        trial.suggest_int("halvings", 0, 3)
    learner = atlas(rank=rank, adapter=adapter)
    return replace(learner, expansion=replace(learner.expansion, learning_rate=rate))


SWEEP = Sweep(name="mine", question="", learner=suggested, trials=8)
OPTIONS = Options.of(tasks=TASKS, orders=(",".join(TASKS),))
PARAMETERS = {"rank": 4, "rate": 0.01, "adapter": "bottleneck"}


def tried(name: str, parameters: dict[str, Any], world: World, status: str = "FINISHED") -> TrialRecord:
    experiment = Experiment(sweep=world.sweep, options=world.options)
    config = experiment.propose(FixedTrial(parameters))  # type: ignore[arg-type]
    shown = {name: value for name, value in parameters.items() if not name.startswith("after ")}
    return TrialRecord(name, replace(config, parameters=shown), status=status)  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, sweep=SWEEP, options=OPTIONS)
    made.trials = {"tune-1": tried("t1", PARAMETERS, made)}
    return made


def test_a_clone_has_the_settings_of_its_trial_but_for_the_changed_one_and_says_what_it_shares(world: World) -> None:
    """The rank is of the second stage alone; from the second task on all that follows has another past."""
    said = world.say("enqueue --like t1 --with rank=16")
    assert said == "the trial t1 with rank 16, which shares 0 of its 5 steps, is the next that begins"
    assert world.control.orders.take_points() == [{**PARAMETERS, "rank": 16}]
    assert world.control.orders.take_points() == []


def test_it_may_change_several_and_a_setting_that_asks_for_another_leaves_that_to_the_sampler(world: World) -> None:
    assert world.say("enqueue --like tune-1 --with adapter=lora rate=0.02").startswith(
        "the trial t1 with adapter lora, rate 0.02, is the next"
    )
    assert world.control.orders.take_points() == [{"rank": 4, "rate": 0.02, "adapter": "lora"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--like t9 --with rank=16", "unknown trial 't9'. Did you mean 't1'?"),
        ("--like t1 --with rnak=16", "unknown setting of --with 'rnak'. Did you mean 'rank'?"),
        ("--like t1 --with rank=17", "--with has 'rank=17', but the sweep tries rank of 4, 16."),
        ("--like t1 --with rate=2", "but the sweep tries rate of 0.0001 to 0.1, logarithmic."),
        ("--like t1 --with rate=fast", "but the sweep tries rate of 0.0001 to 0.1, logarithmic."),
        ("--like t1 --with rank", "--with has 'rank'; give NAME=VALUE, such as rank=16."),
        ("--like t1 --with rank=4", "the trial t1 has rank 4 already; change a setting."),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_allowed(world: World, words: str, message: str) -> None:
    said = world.say(f"enqueue {words}")
    assert said.startswith("no: ")
    assert message in said
    assert world.control.orders.take_points() == []


def test_it_is_refused_where_it_was_tried_waits_or_no_trial_is_left(world: World) -> None:
    world.trials["tune-2"] = tried("t2", {**PARAMETERS, "rank": 16}, world)
    assert (
        world.say("enqueue --like t1 --with rank=16")
        == "no: the trial t1 with rank 16 is tried already, or waits to be."
    )
    assert not world.say("enqueue --like t1 --with rate=0.02").startswith("no: ")
    assert "is tried already, or waits to be" in world.say("enqueue --like t1 --with rate=0.02")
    world.trials |= {f"tune-{n}": tried(f"t{n}", {**PARAMETERS, "rate": 0.001 * n}, world) for n in range(3, 9)}
    assert "all 8 trials have begun; resume the sweep with --changed" in world.say("enqueue --like t1 --with rate=0.03")
    world.control.exact = True
    assert "are known beforehand; it takes no others" in world.say("enqueue --like t1 --with rate=0.03")


def test_a_clone_of_an_order_keeps_the_order_and_its_seed(tmp_path: Path) -> None:
    options = Options.of(tasks=TASKS, seeds=(3, 5), seeds_as_needed=True)
    world = World(tmp_path, sweep=replace(SWEEP, searches_orders=True), options=options)
    order = TASKS[::-1]
    spelt = {**options.search.space().params(order), REPLICATE: 1}
    world.trials = {"tune-1": tried("t1", {**PARAMETERS, **spelt}, world)}
    assert not world.say("enqueue --like t1 --with rank=16").startswith("no: ")
    assert world.control.orders.take_points() == [{**PARAMETERS, "rank": 16, **spelt}]


def test_a_clone_that_misses_a_constraint_is_refused_before_it_takes_a_trial(world: World) -> None:
    world.control.feasibility = Feasibility(constraints_from(("trained_parameters=10%",), ()), RankCounter)
    assert world.say("enqueue --like t1 --with rank=16") == (
        "no: the trial t1 with rank 16 would not be trained: trained_parameters is 16%, at most 10% is asked for; "
        "change it to other settings."
    )
    assert world.control.orders.take_points() == []
    assert world.say("enqueue --like t1 --with rate=0.02").endswith("is the next that begins")


def test_what_is_not_known_of_a_clones_constraints_is_said(world: World) -> None:
    world.control.feasibility = Feasibility(
        constraints_from(("trained_parameters=20%", "forgetting=3"), ()), RankCounter
    )
    said = world.say("enqueue --like t1 --with rank=16")
    assert said.endswith("next that begins; whether it keeps to --at-most forgetting=3 is known once it is trained")
    said = world.say("enqueue --like t1 --with adapter=lora")
    assert said.endswith("; whether it keeps to the sweep's constraints is known once its other settings are drawn")


def test_a_run_that_resumes_the_sweep_knows_what_was_asked_for_and_begins_nothing_twice(world: World) -> None:
    world.say("enqueue --like t1 --with rank=16")
    world.say("enqueue --like t1 --with rate=0.02")
    again = OrderQueue()
    world.control.orders = again
    world.control.restore()
    again.know_point({**PARAMETERS, "rank": 16})  # begun before the driver was killed
    assert again.take_points() == [{**PARAMETERS, "rate": 0.02}]
