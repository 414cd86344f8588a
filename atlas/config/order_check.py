"""Checks that a sweep searches the orders that its options ask for, before anything is prepared or trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.config.goal import goal_under
from atlas.runtime.errors import UserError
from atlas.steps.walk_result import AVERAGE

if TYPE_CHECKING:
    from atlas.config.options import Options
    from atlas.config.search import SearchOptions
    from atlas.config.sweep import Sweep


def check_orders(sweep: Sweep, options: Options) -> None:
    """Raises UserError for constraints and samplers of orders where none are searched, and orders outside."""
    search, space = options.search, options.search.space()
    if not sweep.searches_orders and (space.is_constrained or search.sampler in ("prefix", "orders")):
        what = f"--sampler {search.sampler}" if not space.is_constrained else f"orders with {space.in_words()}"
        what = what if search.subset_size is None else f"--subset-size {search.subset_size}"
        raise UserError(f"{what}: the sweep {sweep.name} searches no orders; leave it out, or take task-order.")
    if search.sampler and sweep.searches_orders and search.written_orders() and not options.run.resume:
        raise UserError(
            f"--sampler {search.sampler}: all orders are written out, so that nothing proposes them; leave it out, "
            f"or give --orders a number."
        )
    for order in search.written_orders():
        space.check(order)


def check_forecast(sweep: Sweep, search: SearchOptions) -> None:
    """Raises UserError for a forecast of orders where none are searched, or by another goal than the mean score."""
    if search.stop_early == "forecast" and not (sweep.searches_orders and goal_under(sweep, search) == AVERAGE):
        subset = "" if search.subset_size is None else f" with --subset-size {search.subset_size}"
        raise UserError(
            f"--stop-early forecast: the sweep {sweep.name}{subset} does not search orders for the highest mean score, "
            f"which is what it forecasts; take median, asha or none."
        )
