"""Seeds as needed: a trial takes one of the seeds, and orders that may be the best are tried again with the next.

A sampler of orders chooses the seed by the parameter `REPLICATE`, its place among `--seeds`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.config.search import SearchOptions
from atlas.config.space import AFTER
from atlas.config.sweep import Sweep
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import optuna

REPLICATE = AFTER + "the last task"


def seeds_of(trial: optuna.Trial, search: SearchOptions) -> tuple[int, ...]:
    """The seeds that a trial is walked with: all, or the one that its sampler chooses."""
    if not search.seeds_as_needed:
        return search.seeds
    return (search.seeds[trial.suggest_int(REPLICATE, 0, len(search.seeds) - 1)],)


def check_replicates(sweep: Sweep, search: SearchOptions) -> None:
    """Raises UserError for seeds as needed where there is nothing to choose, or nobody who chooses."""
    if not search.seeds_as_needed:
        return
    flag = "--seeds-as-needed"
    if not sweep.searches_orders:
        raise UserError(f"{flag}: the sweep {sweep.name} searches no orders; leave it out, or take task-order.")
    if len(search.seeds) < 2:
        raise UserError(f"{flag} chooses among the seeds, and --seeds is {search.seeds[0]} alone; give two or more.")
    if search.sampler in ("random", "tpe", "prefix"):
        raise UserError(
            f"{flag}: the sampler {search.sampler} does not know which orders are worth another seed; take --sampler "
            f"orders (the default with it), or your own, FILE.py:NAME."
        )
    if search.written_orders() or search.orders == ("all",):
        raise UserError(
            f"{flag} chooses the orders that are tried again, but --orders is {' '.join(search.orders)!r}; give the "
            f"number of trials, each an order with one seed, or leave {flag} out to walk each with every seed."
        )
