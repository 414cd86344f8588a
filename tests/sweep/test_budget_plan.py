from __future__ import annotations

import pytest

from atlas.config.budget import Budget
from atlas.execution.sizing import FleetSize
from atlas.runtime.errors import UserError
from atlas.sweep.budget_plan import bought, check_budget
from atlas.sweep.plan import Plan
from atlas.sweep.spending import Spending

CPUS = FleetSize(fleets=2, workers=1, cpus=1.0, gpus=0.0)
GPUS = FleetSize(fleets=2, workers=4, cpus=1.0, gpus=1.0)
PLAN = Plan(
    trials=6, foreseen=6, trainings=120, distinct=60, stored=10, work=50 * 90.0, seconds=2280.0, exact=True
)  # a step costs 90 s


@pytest.mark.parametrize(
    ("budget", "size", "words"),
    [
        ("5steps", CPUS, "5steps: 5 of the 50 steps to train, at about 1 min 30 s a step"),
        ("500steps", CPUS, "500steps: all of the 50 steps"),
        ("0.25h", CPUS, "0.25h: about 19 of the 50 steps"),  # (900 s − 30 s) on two fleets
        ("8h", CPUS, "8h: all of the 50 steps"),
        ("1gpu-h", GPUS, "1gpu-h: about 10 of the 50 steps"),  # four GPUs for 90 s each
    ],
)
def test_the_plan_says_what_a_budget_buys(budget: str, size: FleetSize, words: str) -> None:
    assert bought(Budget.parse(budget), Spending(), PLAN, size).startswith(words)


def test_what_is_spent_is_taken_off() -> None:
    words = bought(Budget.parse("8steps"), Spending(steps=5), PLAN, CPUS)
    assert words == "8steps: 3 of the 50 steps to train, at about 1 min 30 s a step; 5 of 8 steps are spent"


def test_a_budget_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(UserError, match="--budget is 3gpu-h, but the fleets of this sweep have no GPUs; give hours"):
        check_budget(Budget.parse("3gpu-h"), Spending(), CPUS)
    with pytest.raises(UserError, match="5 of 5 steps in its runs before; give more, or --budget none"):
        check_budget(Budget.parse("5steps"), Spending(steps=5), CPUS)
    check_budget(Budget.parse("3gpu-h"), Spending(training=3600.0), GPUS)
