"""Options beside `--resume`: those that an interrupted sweep can go on with, and those that it cannot change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from atlas.config.addresses import with_names
from atlas.config.command_line import flag_of
from atlas.config.options import Options, OptionValue
from atlas.runtime.errors import UserError

CHANGEABLE = (
    *("fleets", "workers_per_fleet", "min_workers_per_fleet", "cpus_per_worker", "gpus_per_worker"),
    *("checkpoint_every", "source"),
)
OF_THIS_RUN = ("storage", "tracking_uri", "resume")  # taken care of apart: they say which sweep it is, and where


def resumed_options(saved: Options, given: Options, defaults: Options, *, named: Collection[str] = ()) -> Options:
    """The options to go on with: the saved ones, with those given now that may change.

    An option counts as given where it differs from the sweep's `defaults`, or is `named` on the command line.

    Raises:
        UserError: an option is given that cannot change; it names what was, and what is asked for.
    """
    was, asked, usual = (_comparable(options) for options in (saved, given, defaults))
    told = {name for name, value in asked.items() if value != usual[name]} | set(named)
    for name in sorted(told - {*CHANGEABLE, *OF_THIS_RUN, "dry_run", "twins"}):
        if asked[name] != was[name]:
            raise UserError(
                f"{flag_of(name)} is {_shown(asked[name])} now, but the sweep was started with {_shown(was[name])}, "
                f"which cannot change while it is resumed; leave it out, or start a new sweep without --resume."
            )
    changed = {name: asked[name] for name in CHANGEABLE if name in told}
    return saved.changed(**changed, dry_run=given.run.dry_run or saved.run.dry_run)


def _comparable(options: Options) -> dict[str, OptionValue]:
    """Every value by its flat name; tasks and learners by name, and twins in their place."""
    named = with_names(options)
    return replace(named, search=named.search.with_twins()).flat()


def _shown(value: OptionValue) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)
