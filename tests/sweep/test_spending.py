from __future__ import annotations

from pathlib import Path

import pytest

from atlas.config.budget import Budget
from atlas.runtime.errors import UserError
from atlas.sweep.spending import Spending, read_spending, write_spending

SPENT = Spending(steps=3, training=5400.0, seconds=3720.0)


def test_it_is_written_and_read_again(tmp_path: Path) -> None:
    assert read_spending(tmp_path) == Spending()
    write_spending(SPENT, tmp_path)
    assert read_spending(tmp_path) == SPENT


def test_a_record_that_is_broken_is_no_unspent_budget(tmp_path: Path) -> None:
    (tmp_path / "spent.json").write_text('{"steps": ')
    with pytest.raises(UserError, match="cannot be read, which records what the sweep has spent"):
        read_spending(tmp_path)


@pytest.mark.parametrize(
    ("budget", "left", "words"),
    [
        ("5steps", 2.0, "3 of 5 steps"),
        ("1steps", 0.0, "3 of 1 step"),
        ("2gpu-h", 0.5, "1.50 of 2 GPU-hours"),
        ("8h", 8 - 3720 / 3600, "1 h 02 min of 8 h 00 min"),
    ],
)
def test_each_budget_counts_in_its_own_unit(budget: str, left: float, words: str) -> None:
    parsed = Budget.parse(budget)
    assert SPENT.left_of(parsed) == pytest.approx(left)
    assert SPENT.facts(parsed).words == words


def test_the_spending_of_two_runs_is_their_sum() -> None:
    assert SPENT.plus(SPENT) == Spending(steps=6, training=10800.0, seconds=7440.0)
