"""The budget before a sweep runs: whether it can be kept, and how many steps it buys at the planned cost of one."""

from __future__ import annotations

from atlas.config.budget import Budget
from atlas.execution.sizing import FleetSize
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted, duration
from atlas.sweep.plan import STARTUP, Plan
from atlas.sweep.spending import HOUR, Spending


def gpus_of(size: FleetSize) -> float:
    """The GPUs of one fleet; of an elastic one the most."""
    return size.workers * size.gpus


def step_seconds(plan: Plan) -> float:
    """The planned cost of a step in seconds of one fleet; 0 where nothing has to be trained."""
    return plan.work / plan.missing if plan.missing else 0.0


def check_budget(budget: Budget, spending: Spending, size: FleetSize) -> None:
    """Raises UserError for GPU-hours where fleets have no GPUs, and for a budget that is spent already."""
    if budget.unit == "gpu-h" and not gpus_of(size):
        raise UserError(
            f"--budget is {budget}, but the fleets of this sweep have no GPUs; give hours, such as 8h, or steps, such "
            f"as 500steps."
        )
    if not spending.left_of(budget):
        raise UserError(
            f"--budget is {budget}, and the sweep has spent {spending.facts(budget).words} in its runs before; give "
            f"more, or --budget none."
        )


def bought(budget: Budget, spending: Spending, plan: Plan, size: FleetSize) -> str:
    """What the budget buys, in words: how many of the steps to train."""
    if not plan.missing:
        return f"{budget}; nothing to train"
    steps = min(plan.missing, int(_steps(budget, spending, plan, size)))
    each = f"at about {duration(step_seconds(plan))} a step"
    what = "all" if steps == plan.missing else f"about {steps:,}" if budget.unit != "steps" else f"{steps:,}"
    spent = f"; {spending.facts(budget).words} are spent" if spending.in_unit(budget.unit) else ""
    return f"{budget}: {what} of the {counted(plan.missing, 'step')} to train, {each}{spent}"


def _steps(budget: Budget, spending: Spending, plan: Plan, size: FleetSize) -> float:
    """The number of steps that what is left of the budget pays for."""
    left, each = spending.left_of(budget), step_seconds(plan)
    if budget.unit == "steps":
        return left
    if not each:
        return plan.missing
    if budget.unit == "gpu-h":
        return left * HOUR / gpus_of(size) / each
    return max(0.0, left * HOUR - STARTUP) * size.fleets / each
