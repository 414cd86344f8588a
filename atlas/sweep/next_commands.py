"""What to try next after a sweep: commands, each with the steps that it would train, counted against the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from atlas.config.command_line import argument, as_arguments, given_options
from atlas.config.invocation import Invocation
from atlas.config.space import Order
from atlas.report.headline import seeds_to_decide
from atlas.report.objective import AVERAGE, goal_of
from atlas.report.order_rows import OrderRow, order_rows
from atlas.report.settings import is_settings_sweep, setting_rows
from atlas.report.summary import NextCommand, Summary
from atlas.runtime.text import counted
from atlas.search.promising_orders import promising_orders
from atlas.search.proposals import foresee
from atlas.steps.walk_result import RELATIVE
from atlas.sweep.sweep_run import SweepRun

MOST_TIED = 3  # orders that are named in one command, with the best
MOST_ORDERS = 2  # untried ones


@dataclass(frozen=True, kw_only=True)
class _Idea:
    """Options of a sweep like the one that has ended, by name, and what they are for."""

    why: str
    options: dict[str, Any] = field(default_factory=dict)


def next_commands(run: SweepRun, summary: Summary) -> tuple[NextCommand, ...]:
    """Up to three commands that would tell more: seeds for what is tied, and untried orders that may be better.

    None where the sweep has not finished. The steps and the time are those of the plan: what the store has costs
    nothing, and a step takes as long as those like it took.
    """
    if summary.sweep.status != "FINISHED" or run.experiment.options.run.smoke:
        return ()
    return tuple(_planned(run, idea) for idea in _ideas(run, summary))


def _ideas(run: SweepRun, summary: Summary) -> Iterator[_Idea]:
    as_needed, rows = run.experiment.options.search.seeds_as_needed, order_rows(summary)
    if is_settings_sweep(summary):
        if tied := [row for row in setting_rows(summary)[1:] if row.gap.is_tied]:
            what = f"that may tell {counted(len(tied) + 1, 'setting')} apart"
            more = {"trials": 2 * len(summary.trials)} if as_needed else {"seeds": seeds_to_decide(summary)}
            yield _Idea(why=f"{'trials' if as_needed else 'seeds'} {what}", options=more)
    elif run.experiment.sweep.searches_orders:
        yield from _seeds_as_needed(summary, rows) if as_needed else _seeds(summary, rows)
        yield from _untried(run, summary)


def _seeds(summary: Summary, rows: Sequence[OrderRow]) -> Iterator[_Idea]:
    """More seeds for the orders that are tied with the best."""
    tied = [row.order for place, row in enumerate(rows) if not place or row.gap.is_tied]
    if len(tied) > 1:
        named = tied[:MOST_TIED]
        what = "all orders" if len(named) > 2 else "both orders"
        more = f" (of {len(tied)} that are tied)" if len(tied) > len(named) else ""
        options = {**_written(named), "seeds": seeds_to_decide(summary)}
        yield _Idea(why=f"seeds that may tell {what} apart{more}", options=options)


def _seeds_as_needed(summary: Summary, rows: Sequence[OrderRow]) -> Iterator[_Idea]:
    """Seeds for the best orders that are not known to differ: those that some of them lack, or more where none does.

    One whose distance to the best has no interval is not known to differ either.
    """
    close = [row for place, row in enumerate(rows) if not place or row.gap.is_tied or row.gap.half is None]
    if len(close) < 2:
        return
    named = close[:MOST_TIED]
    lacking = [row for row in named if row.seeds < len(summary.seeds)]
    seeds = summary.seeds if lacking else seeds_to_decide(summary)
    what = f"the seeds that {len(lacking)} of them lack" if lacking else "more seeds"
    more = f" (of {len(close)} that are not known to differ)" if len(close) > len(named) else ""
    yield _Idea(
        why=f"the best {counted(len(named), 'order')}{more}, with {what}",
        options={**_written([row.order for row in named]), "seeds": tuple(seeds)},
    )


def _untried(run: SweepRun, summary: Summary) -> Iterator[_Idea]:
    """The untried orders of the highest expected improvement, where the model's upper bound is above the best."""
    space = run.experiment.options.search.space()
    modelled = goal_of(summary) in (AVERAGE, RELATIVE)
    found = promising_orders(summary, space, MOST_ORDERS) if modelled else None
    if found is not None:
        yield _Idea(
            why=f"untried orders, the first expected at {found.mean:.1f} ± {2 * found.deviation:.1f} on val, of which "
            f"the best known has {found.best:.1f}",
            options=_written(found.orders) | _one_seed(run),
        )


def _written(orders: Sequence[Order]) -> dict[str, Any]:
    """Options that walk these orders alone, with every seed, whatever else chose them."""
    orders_alone = {"trials": None, "sampler": "", "stop_early": "none", "seeds_as_needed": False}
    return {"orders": tuple(",".join(order) for order in orders), **orders_alone}


def _one_seed(run: SweepRun) -> dict[str, Any]:
    """The first seed alone, where the sweep takes seeds as needed."""
    search = run.experiment.options.search
    return {"seeds": search.seeds[:1]} if search.seeds_as_needed else {}


def _planned(run: SweepRun, idea: _Idea) -> NextCommand:
    """The command, its steps counted against the store, and their time on the fleets of the sweep."""
    options = run.experiment.options.changed(**idea.options, resume=None, changed=False)
    experiment = replace(run.experiment, options=options)
    proposals = foresee(experiment, judge=lambda walks: not run.feasibility.before(walks).reason)
    plan = run.inputs.plan(proposals, experiment.auxiliary_walks(), at_once=run.size.fleets)
    return NextCommand(
        command=_command(run, idea),
        why=idea.why,
        steps=plan.missing,
        seconds=plan.seconds if plan.missing else 0.0,
        exact=plan.exact,
    )


def _command(run: SweepRun, idea: _Idea) -> str:
    """The sweep's command with other options in place of its own."""
    given = given_options(run.invocation.arguments)
    if "resume" in given:  # which stands for all the others
        options = run.experiment.options.changed(**idea.options, resume=None, changed=False)
        return replace(run.invocation, arguments=tuple(as_arguments(options, run.experiment.sweep.defaults))).command
    kept = _without(run.invocation, {*idea.options, "dry_run"})
    usual = run.experiment.sweep.defaults.flat()
    changed = [(name, value) for name, value in idea.options.items() if value != usual[name]]
    new = [word for name, value in changed for word in argument(name, value)]
    return replace(run.invocation, arguments=(*kept, *new)).command


def _without(invocation: Invocation, names: set[str]) -> list[str]:
    """The words of a command but for these options and their values."""
    kept: list[str] = []
    leaves = False
    for word in invocation.arguments:
        if word.startswith("--"):
            leaves = bool(given_options([word]).keys() & names)
        if not leaves:
            kept.append(word)
    return kept
