from __future__ import annotations

import pytest

from atlas.config.budget import Budget, budget_from
from atlas.config.options import Options
from atlas.runtime.errors import UserError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("8h", Budget(8.0, "h")),
        ("0.5h", Budget(0.5, "h")),
        ("200gpu-h", Budget(200.0, "gpu-h")),
        (" 500 steps ", Budget(500.0, "steps")),
        ("500steps", Budget(500.0, "steps")),
    ],
)
def test_a_budget_is_read_and_written_again(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "8", "h", "8 hours", "-3h", "nan h", "1e3steps", "8h 5steps", "8H"])
def test_another_text_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UserError, match="give a number with its unit: 8h .*, 200gpu-h .* or 500steps, or none"):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0h", "out of range; give more than 0"),
        ("0steps", "out of range; give more than 0"),
        ("99999999999h", "at most 1,000,000,000 h"),
        ("2.5steps", "give a whole number of steps"),
    ],
)
def test_a_number_that_no_sweep_can_spend_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Budget.parse(text)


def test_the_option_is_checked_where_it_is_made_and_none_is_no_budget() -> None:
    with pytest.raises(UserError, match="the budget '3 days' is none"):
        Options.of(budget="3 days")
    assert budget_from(Options.of(budget="none").run.budget) is None
    assert budget_from(None) is None
