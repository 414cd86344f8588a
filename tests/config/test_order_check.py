"""Subsets of the tasks are refused where they would have no meaning; other checks of orders are tested beside."""

from __future__ import annotations

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.runtime.errors import UserError

ORDERS = Sweep(name="order", question="", searches_orders=True)
SETTINGS = Sweep(name="settings", question="")
TASKS = ("easy-vqa", "digits", "easy-ve")


def experiment(sweep: Sweep = ORDERS, **options: object) -> Experiment:
    return Experiment(sweep=sweep, options=Options.of(**{"tasks": TASKS, "subset_size": 2, **options}))


def test_subsets_are_orders_of_their_own() -> None:
    assert experiment(orders=("all",)).trial_count() == 6
    assert experiment(orders=("4",)).orders_in_words() == "4 of 6 with 2 of the tasks"
    experiment(orders=("digits,easy-ve", "easy-ve,easy-vqa"), first="").check()
    experiment(before=("digits,easy-ve",)).check()
    assert len(experiment().refused("why").orders[0]) == 2


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (experiment(SETTINGS), "--subset-size 2: the sweep settings searches no orders; leave it out"),
        (experiment(stop_early="forecast"), "the sweep order with --subset-size 2 does not search orders for the high"),
        (experiment(subset_size=3), "--subset-size is 3, of 3 tasks in all; give 2, or leave it out"),
        (experiment(subset_size=1), "--subset-size is 1, of 3 tasks in all; give 2, or leave it out"),
        (experiment(tasks=TASKS[:2]), "--subset-size is 2, of 2 tasks in all; name more --tasks, or leave it out"),
        (experiment(last="digits"), "--subset-size 2 with --last, which speaks of orders of all tasks"),
        (experiment(together=("modality",)), "--subset-size 2 with --together, which speaks of orders of all tasks"),
        (experiment(orders=("easy-vqa,digits,easy-ve",)), "takes 3 tasks; with --subset-size 2 name 2"),
        (
            experiment(first="easy-vqa,digits,easy-ve"),
            "orders of 2 of the tasks that begin with easy-vqa,digits,easy-ve; name 2 at most",
        ),
    ],
)
def test_what_has_no_meaning_with_subsets_is_refused(made: Experiment, words: str) -> None:
    with pytest.raises(UserError, match=words):
        made.check()


def test_a_smoke_run_keeps_tasks_to_choose_from() -> None:
    assert ORDERS.smoke(Options.of(subset_size=2)).search.tasks == Options().search.tasks
