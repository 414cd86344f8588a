"""What a plan says of options that come to less than they seem to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from atlas.config.constraint import constraints_from
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import TwoStage
from atlas.search.proposals import Proposals
from atlas.steps.walk import Walk
from atlas.sweep.plan_notes import constraints_in_words, notes

COMPARE = Sweep(name="mine", question="", points=({"learner": "ewc"}, {"learner": "lwf"}))
FOUR = ("digits", "piqa-twin", "easy-vqa", "easy-ve")


def noted(held_out: int = 0, **options: object) -> dict[str, str]:
    sweep = Sweep(name="mine", question="", searches_orders=True, trials=6, held_out=held_out)
    experiment = Experiment(sweep=sweep, options=Options.of(**{"tasks": FOUR, **options}))
    return notes(experiment, sizes={"easy-pair": 4000}, towers=("vision", "text"))


def test_nothing_is_said_of_what_is_not_asked_for() -> None:
    assert noted() == {}


@pytest.mark.parametrize(("options", "here"), [({"tasks": FOUR[:2]}, "2 and 2"), ({"trials": 4}, "4 and 4")])
def test_early_stopping_that_can_stop_nothing_is_said(options: dict[str, object], here: str) -> None:
    said = noted(stop_early="median", **options)["early stopping"]
    assert said.startswith("median: stops none of these trials")
    assert f"(here {here})" in said
    assert noted(stop_early="asha")["early stopping"] == "asha, from the second task on, beside at least 4 others"


def test_what_subsets_of_the_tasks_are_ranked_by_is_said() -> None:
    assert noted(subset_size=2)["ranked by"].startswith("relative accuracy: a task's score in percent of that of the")
    probed = Sweep(name="mine", question="", searches_orders=True, trials=6, goal="downstream/mean")
    options = Options.of(tasks=FOUR, subset_size=2, downstream=("easy-pair",))
    said = notes(Experiment(sweep=probed, options=options), sizes={"easy-pair": 4000}, towers=())["ranked by"]
    assert said == "the mean score of the downstream tasks, the same after every subset"


def test_held_out_orders_that_the_trials_leave_none_of_are_said() -> None:
    assert noted(held_out=2)["held out"] == "2 orders that no trial walks, for the winner"
    assert noted(held_out=2, orders=("all",))["held out"].startswith("0 of 2 orders: the trials walk all others")
    as_needed = noted(held_out=2, trials=40, seeds=(0, 1), seeds_as_needed=True)["held out"]
    assert as_needed == "up to 2 orders that no trial walks, for the winner"
    assert noted(held_out=2, first="digits", trials=5)["held out"].startswith("1 of 2 orders")


def test_more_shots_than_a_task_has_records_are_said() -> None:
    said = noted(downstream=("easy-pair",), shots=("16", "9999", "8/class", "all"))["shots"]
    assert said == "16 9999 8/class all; easy-pair has 4,000 records, and 9999 takes them all"


def test_weights_of_another_type_than_the_precisions_are_said_to_be_steps_of_their_own() -> None:
    assert "weights" not in noted()
    assert noted(weights="float32")["weights"] == "float32, the usual ones in float32"
    said = "4-bit in place of float32: other results, and steps of their own"
    assert noted(weights="4-bit")["weights"] == said


def test_tasks_that_do_not_pass_through_the_tower_with_adapters_are_said() -> None:
    said = noted(towers=("vision",), backbone="clip-tiny")["adapters in"]
    assert said == "vision; piqa-twin has no images, so that only a head learns: give text, too"
    assert noted(towers=("vision", "text"), backbone="clip-tiny")["adapters in"] == "text and vision"


def test_points_that_the_options_leave_out_are_named() -> None:
    sweep = replace(COMPARE, suits=lambda point, options: point["learner"] not in ("lwf", options.training.readout))
    experiment = Experiment(sweep=sweep, options=Options.of(tasks=FOUR))
    assert notes(experiment, sizes={}, towers=()) == {"left out": "lwf: not with these options"}


def test_constraints_are_said_with_the_trials_that_they_leave_out() -> None:
    constraints = constraints_from(("trained_parameters=2%",), ("average_accuracy=60",))
    walks = [Walk(order=FOUR, learner=TwoStage(), seed=0)]
    some = Proposals(trials=[walks, [], walks], count=3, exact=True)
    said = constraints_in_words(constraints, some)
    assert said == (
        "--at-most trained_parameters=2% --at-least average_accuracy=60; 1 of 3 trials misses them, and is not trained"
    )
    assert constraints_in_words(constraints[1:], Proposals(trials=[walks], count=1, exact=True)) == (
        "--at-least average_accuracy=60"
    )
