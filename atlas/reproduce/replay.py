"""A recorded run, rebuilt: the sweep of its file with the recorded trials instead of a search, and its options."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from atlas.config.addresses import with_addresses
from atlas.config.command_line import as_arguments, flag_of, given_options
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners.schedule import PRECISIONS, Precision
from atlas.reproduce.learner import check_learners
from atlas.reproduce.recorded_run import RecordedRun, trial_of
from atlas.runtime.errors import AtlasError
from atlas.search.proposals import rehearsed
from atlas.steps.walk import Walk
from atlas.sweep.file import sweep_in
from atlas.tracking import default_tracking_uri

ELSEWHERE = ("storage", "tracking_uri", "resume", "dry_run", "smoke", "twins")  # what does not decide any score
STEADY = "min_workers_per_fleet"  # elastic fleets are of one size when run again: the largest


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where steps are learnt, as the sweep's options of these names say; None leaves it as it was recorded."""

    fleets: int | None = None
    workers_per_fleet: int | None = None
    cpus_per_worker: float | None = None
    gpus_per_worker: float | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What was set."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class ReplayedRun:
    """`sweep` takes the recorded trials, in their order; `options` have no place yet. See `at`."""

    file: Path
    sweep: Sweep
    options: Options
    precision: Precision

    def at(self, into: Path) -> ReplayedRun:
        """The same in a storage of its own, with a tracking database of its own."""
        return replace(self, options=self.options.changed(storage=str(into), tracking_uri=default_tracking_uri(into)))

    @property
    def command(self) -> list[str]:
        """The file and the options that say the same on a command line (settings that were searched it cannot)."""
        return [str(self.file), *as_arguments(with_addresses(self.options), self.sweep.defaults)]


def rebuild(recorded: RecordedRun, file: Path, placement: Placement, source: Sequence[str] = ()) -> ReplayedRun:
    """The run, from its file.

    Raises:
        AtlasError: the file asks another sweep, or its trials are no longer the recorded steps: the error says where
            the first of them differs.
    """
    sweep = sweep_in(file)
    if sweep.name != recorded.summary["sweep"]["name"]:
        raise AtlasError(f"{file} asks the sweep {sweep.name!r}, the run is of {recorded.summary['sweep']['name']!r}.")
    sweep = replace(
        sweep,
        points=tuple(rows[0]["settings"] for rows in recorded.groups),
        trials=len(recorded.groups),
    )
    options = _options(recorded, sweep, placement, source)
    precision = _precision(recorded, sweep, options)
    if options.cluster.gpus_per_worker is None:
        options = options.changed(gpus_per_worker=0.0 if precision == "float32" else 1.0)
    return ReplayedRun(file=file, sweep=sweep, options=options, precision=precision)


def _options(recorded: RecordedRun, sweep: Sweep, placement: Placement, source: Sequence[str]) -> Options:
    rows = [rows[0] for rows in recorded.groups] if sweep.searches_orders else recorded.trials
    orders = [",".join(row["order"]) for row in rows]
    plain = Options().flat()
    changed = {name: plain[name] for name in (*ELSEWHERE, STEADY)}
    if len(recorded.options.search.tasks) > 1:
        changed["orders"] = tuple(orders if sweep.searches_orders else dict.fromkeys(orders))
    return recorded.options.changed(
        **changed | placement.given,
        trials=None,
        source=tuple(source) or recorded.options.storage.source,
    )


def _precision(recorded: RecordedRun, sweep: Sweep, options: Options) -> Precision:
    """What the run was computed in: that in which its steps have the recorded keys."""
    wrong = ""
    for precision in PRECISIONS:
        wrong_now = _strange(recorded, _planned(sweep, options, precision))
        check_learners(recorded)
        if not wrong_now:
            return precision  # type: ignore[return-value]
        wrong = wrong or wrong_now
    recipe = recorded.summary.get("origin", {}).get("recipe", "unknown")
    raise AtlasError(
        f"{wrong} here: the recorded settings mean something else in this version of atlas or of the sweep's file "
        f"(recorded recipe: {recipe}). Use the version that the run was made with; nothing was trained."
    )


def _planned(sweep: Sweep, options: Options, precision: Any) -> list[list[Walk]]:
    try:
        return rehearsed(sweep, options, precision)
    except AtlasError:
        raise
    except Exception as error:  # whatever the sweep's own functions raise
        raise AtlasError(
            f"the sweep {sweep.name} cannot take the recorded settings ({type(error).__name__}: {error})."
        ) from error


def _strange(recorded: RecordedRun, planned: Sequence[Sequence[Walk]]) -> str:
    """The first recorded step that is none of those planned, in words; "" where all are."""
    for rows, walks in zip(recorded.groups, planned, strict=True):
        keys = {(walk.order, walk.seed): {step.key for step in walk.every_step(recorded.step_inputs)} for walk in walks}
        for row in rows:
            known = keys.get((tuple(row["order"]), row["seed"]), set())
            if missing := [key for key in row["step_keys"] if key not in known]:
                place = f"trial {trial_of(row)} ({' > '.join(row['order'])}, seed {row['seed']})"
                return f"the step {missing[0][:12]} of {place} is none of this trial's"
    return ""


def as_text(command: Sequence[str]) -> str:
    """A command as a shell takes it."""
    return shlex.join(["python", *command])


def repeatable(recorded: RecordedRun, defaults: Options) -> list[str]:
    """The recorded arguments without those that belong to one machine; a resumed run's, which names nothing, from its
    settings.
    """
    given = given_options(recorded.command[1:])
    if "resume" in given:
        plain = defaults.flat()
        return as_arguments(recorded.options.changed(**{name: plain[name] for name in ELSEWHERE}, source=()), defaults)
    left_out = {"storage", "tracking_uri", "dry_run", "source"}
    return [word for name, words in given.items() if name not in left_out for word in (flag_of(name), *words)]
