"""Options beside `--resume`: those that an interrupted sweep can go on with, and those that it cannot change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from atlas.config.addresses import with_names
from atlas.config.command_line import ON, flag_of
from atlas.config.options import Options, OptionValue
from atlas.config.space import Order
from atlas.runtime.errors import UserError

CHANGEABLE = (
    *("fleets", "workers_per_fleet", "min_workers_per_fleet", "cpus_per_worker", "gpus_per_worker"),
    *(
        "checkpoint_every",
        "loaders",
        "cuda_graphs",
        "compile",
        "deterministic",
        "recompute",
        "source",
        "budget",
    ),
)
OF_THIS_RUN = ("storage", "tracking_uri", "resume", "changed")  # they say which sweep it is, where and how it goes on


def resumed_options(
    saved: Options,
    given: Options,
    defaults: Options,
    *,
    named: Collection[str] = (),
    searches_orders: bool = False,
) -> Options:
    """The options to go on with: the saved ones, with those given now that may change.

    An option counts as given where it differs from the sweep's `defaults`, or is `named` on the command line. With
    `--changed` the number of trials may change, which are orders where the sweep searches them.

    Raises:
        UserError: an option is given that cannot change; it names what was, and what is asked for.
    """
    was, usual = (_comparable(options, defaults.search.tasks) for options in (saved, defaults))
    asked = _comparable(given, () if "tasks" in named else defaults.search.tasks)
    told = {name for name, value in asked.items() if value != usual[name]} | set(named)
    searched = {"trials", "orders"} if searches_orders else {"trials"}
    free = {*CHANGEABLE, *OF_THIS_RUN, "dry_run", "twins", *(searched if given.run.changed else ())}
    for name in sorted(told - free):
        if asked[name] != was[name]:
            way = "add --changed to go on with it" if name in searched else "leave it out"
            condition = " without --changed" if name in searched else ""
            raise UserError(
                f"{flag_of(name)} {_compared(name, asked[name], was[name])}, which cannot change while it is "
                f"resumed{condition}; {way}, or start a new sweep without --resume."
            )
    changed = {name: asked[name] for name in CHANGEABLE if name in told}
    if given.run.changed and told & searched:  # of orders: one is the number of the other
        changed |= {name: asked[name] if name in told else usual[name] for name in searched}
    return saved.changed(**changed, dry_run=given.run.dry_run or saved.run.dry_run, changed=given.run.changed)


def _comparable(options: Options, usual_tasks: Order) -> dict[str, OptionValue]:
    """Every value by its flat name; tasks and learners by name, and what a suite and twins stand for in their place."""
    named = with_names(options)
    return replace(named, search=named.search.resolved(usual_tasks)).flat()


def _compared(name: str, asked: OptionValue, was: OptionValue) -> str:
    """What is asked for, and what was: `is 4 now, but the sweep was started with 2`."""
    if isinstance(asked, bool):
        given = asked != (name in ON)
        return f"is {'' if given else 'not '}given now, but the sweep was started with{'out' * given} it"
    return f"is {_shown(asked)} now, but the sweep was started with {_shown(was)}"


def _shown(value: OptionValue) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return "not given" if value in (None, "") else str(value)
