"""A recorded run, rebuilt: the sweep of its file with the recorded trials instead of a search, and its options."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import address_of as learner_address
from atlas.learners.schedule import PRECISIONS, Precision
from atlas.reproduce.learner import check_learners
from atlas.reproduce.recorded_run import RecordedRun, trial_of
from atlas.runtime.errors import AtlasError
from atlas.search.proposals import rehearsed
from atlas.steps.walk import Walk
from atlas.sweep.file import sweep_in
from atlas.tasks import address_of as task_address
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
        there = replace(self.options, storage=str(into), tracking_uri=default_tracking_uri(into))
        return replace(self, options=there)

    @property
    def command(self) -> list[str]:
        """The file and the options that say the same on a command line (settings that were searched it cannot)."""
        return [str(self.file), *written(addressed(self.options), self.sweep.defaults)]


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
    if options.gpus_per_worker is None:
        options = replace(options, gpus_per_worker=0.0 if precision == "float32" else 1.0)
    return ReplayedRun(file=file, sweep=sweep, options=options, precision=precision)


def _options(recorded: RecordedRun, sweep: Sweep, placement: Placement, source: Sequence[str]) -> Options:
    rows = [rows[0] for rows in recorded.groups] if sweep.searches_orders else recorded.trials
    orders = [",".join(row["order"]) for row in rows]
    plain = Options()
    changed: dict[str, Any] = {name: getattr(plain, name) for name in (*ELSEWHERE, STEADY)}
    if len(recorded.options.tasks) > 1:
        changed["orders"] = tuple(orders if sweep.searches_orders else dict.fromkeys(orders))
    return replace(
        recorded.options,
        **changed | placement.given,
        trials=None,
        source=tuple(source) or recorded.options.source,
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


def addressed(options: Options) -> Options:
    """The same with the user's own tasks and learner by the addresses at which another process finds them."""
    tasks, downstream = (tuple(map(task_address, names)) for names in (options.tasks, options.downstream))
    return replace(options, tasks=tasks, downstream=downstream, learner=learner_address(options.learner))


def written(options: Options, defaults: Options) -> list[str]:
    """The arguments that make `options` of `defaults`."""
    words: list[str] = []
    for field in fields(Options):
        value = getattr(options, field.name)
        if value != getattr(defaults, field.name):
            words += argument(field.name, value)
    return words


def argument(name: str, value: Any) -> list[str]:
    """One option as words of a command line."""
    if name == "sharing":
        return [] if value else ["--no-sharing"]
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag] if value else []
    return [flag, *map(str, value if isinstance(value, tuple | list) else [value])]


def as_text(command: Sequence[str]) -> str:
    """A command as a shell takes it."""
    return shlex.join(["python", *command])


def repeatable(recorded: RecordedRun, defaults: Options, given: Mapping[str, Any]) -> list[str]:
    """The recorded command without what belongs to one machine; a resumed one, which names nothing, from its settings.

    `given` are the arguments of the recorded command by their names.
    """
    if given.get("resume") is not None:
        plain = {name: getattr(defaults, name) for name in ELSEWHERE}
        return written(replace(recorded.options, **plain, source=()), defaults)
    kept = {name: value for name, value in given.items() if value is not None}
    left_out = {"storage", "tracking_uri", "dry_run", "source"}
    return [word for name, value in kept.items() if name not in left_out for word in argument(name, value)]
