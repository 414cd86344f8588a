"""The spending of a sweep over all its runs, and what a budget still buys of it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from atlas.config.budget import Budget, Unit
from atlas.report.summary import BudgetFacts
from atlas.runtime.errors import UserError
from atlas.storage.filesystem import write_whole

SPENT = "spent.json"
HOUR = 3600.0


class Spending(BaseModel):
    """The spending of a sweep: `steps` trained, seconds of `training` on GPUs (one a GPU), `seconds` that it ran."""

    model_config = ConfigDict(frozen=True)

    steps: int = 0
    training: float = 0.0
    seconds: float = 0.0

    def plus(self, other: Spending) -> Spending:
        """Both together."""
        return Spending(
            steps=self.steps + other.steps,
            training=self.training + other.training,
            seconds=self.seconds + other.seconds,
        )

    def in_unit(self, unit: Unit) -> float:
        """The spending as a budget of that unit counts it."""
        return float(self.steps) if unit == "steps" else (self.training if unit == "gpu-h" else self.seconds) / HOUR

    def left_of(self, budget: Budget) -> float:
        """What is left of the budget, in its unit; 0 once it is spent."""
        return max(0.0, budget.amount - self.in_unit(budget.unit))

    def facts(self, budget: Budget, *, stopped: bool = False) -> BudgetFacts:
        """The budget and what is spent of it; `stopped`: whether it ended the sweep."""
        spent = self.in_unit(budget.unit)
        return BudgetFacts(amount=budget.amount, unit=budget.unit, spent=spent, stopped=stopped)


def read_spending(folder: Path) -> Spending:
    """The spending that a sweep's folder records; nothing for a new sweep. Raises UserError for a file that is broken.

    A sweep must not take a broken record for an unspent budget.
    """
    path = folder / SPENT
    try:
        return Spending.model_validate_json(path.read_bytes()) if path.is_file() else Spending()
    except (OSError, ValidationError) as error:
        raise UserError(
            f"{path} cannot be read, which records what the sweep has spent; write the number of steps that it has "
            f'trained into it ({{"steps": 0}}), or delete it to count from nothing.'
        ) from error


def write_spending(spending: Spending, folder: Path) -> None:
    """Record it in the sweep's folder, whole or not at all."""
    write_whole(folder / SPENT, spending.model_dump_json().encode())
