"""A replay: the sweep of a recorded run's file with the recorded trials instead of a search, and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from atlas.config.addresses import with_addresses
from atlas.config.command_line import as_arguments, config_of, flag_of, given_options
from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.config.options import Options
from atlas.config.replicates import REPLICATE
from atlas.config.search import SearchOptions
from atlas.config.sweep import Sweep
from atlas.learners.schedule import PRECISIONS
from atlas.report.summary import TrialRow
from atlas.reproduce.learner import check_learners
from atlas.reproduce.recorded_run import RecordedRun, trial_of
from atlas.runtime.errors import UserError
from atlas.search.points import PointRefused
from atlas.search.proposals import foresee
from atlas.steps.graph import WalkGraph
from atlas.steps.walk import Walk
from atlas.sweep.file import load_sweep
from atlas.tasks import TASKS
from atlas.tracking import default_tracking_uri

ELSEWHERE = (
    "storage",
    "tracking_uri",
    "resume",
    "changed",
    "budget",
    "dry_run",
    "smoke",
    "twins",
)  # options that decide no score
STEADY = "min_workers_per_fleet"  # elastic fleets are of one size when run again: the largest


@dataclass(frozen=True, kw_only=True)
class ClusterOverrides:
    """Options of the cluster that a reproduction changes; None leaves one as it was recorded."""

    fleets: int | None = None
    workers_per_fleet: int | None = None
    cpus_per_worker: float | None = None
    gpus_per_worker: float | None = None

    def given(self) -> Mapping[str, Any]:
        """The options that are set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class RunReplay:
    """A recorded run as an experiment that takes the recorded trials in their order; see `at` for its storage."""

    file: Path
    experiment: Experiment

    @property
    def options(self) -> Options:
        """The options of the experiment."""
        return self.experiment.options

    def at(self, into: Path) -> RunReplay:
        """The same in a storage of its own, with a tracking database of its own."""
        options = self.options.changed(storage=str(into), tracking_uri=default_tracking_uri(into))
        return replace(self, experiment=replace(self.experiment, options=options))

    @property
    def invocation(self) -> Invocation:
        """The file and arguments with these options; settings that were searched have no argument."""
        arguments = as_arguments(with_addresses(self.options), self.experiment.sweep.defaults)
        return Invocation(file=str(self.file), arguments=tuple(arguments))


def replay_of(recorded: RecordedRun, file: Path, overrides: ClusterOverrides, source: Sequence[str] = ()) -> RunReplay:
    """The replay of a run, from the sweep's file.

    Raises:
        UserError: the file defines another sweep, or its trials are no longer the recorded steps: the error names the
            first that differs.
    """
    sweep = load_sweep(file)
    if sweep.name != recorded.summary.sweep.name:
        raise UserError(f"{file} defines the sweep {sweep.name!r}, the run is of {recorded.summary.sweep.name!r}.")
    points = tuple(_point(recorded.options.search, rows[0]) for rows in recorded.groups)
    sweep = replace(sweep, points=points, smoke_points=(), trials=len(recorded.groups))
    experiment = _at_recorded_precision(
        recorded, Experiment(sweep=sweep, options=_options(recorded, sweep, overrides, source))
    )
    asked, precision = experiment.options.training.precision, experiment.precision
    experiment = replace(experiment, options=experiment.options.changed(precision=precision))
    if experiment.options.cluster.gpus_per_worker is None and asked == "auto":
        gpus = 0.0 if experiment.precision == "float32" else 1.0
        experiment = replace(experiment, options=experiment.options.changed(gpus_per_worker=gpus))
    return RunReplay(file=file, experiment=experiment)


def _point(search: SearchOptions, row: TrialRow) -> Mapping[str, Any]:
    """The settings of a trial; where its seed was chosen, with the order and the seed's place among all."""
    if not search.seeds_as_needed:
        return row.settings
    return {**row.settings, **search.space().params(row.order), REPLICATE: search.seeds.index(row.seed)}


def _options(recorded: RecordedRun, sweep: Sweep, overrides: ClusterOverrides, source: Sequence[str]) -> Options:
    rows = [rows[0] for rows in recorded.groups] if sweep.searches_orders else recorded.trials
    orders = [",".join(row.order) for row in rows]
    plain = Options().flat()
    changed = {name: plain[name] for name in (*ELSEWHERE, STEADY)} | dict(overrides.given())
    if not recorded.options.search.downstream:
        changed["shots"] = sweep.defaults.search.shots  # earlier versions took others, and did not use them
    if len(recorded.options.search.tasks) > 1:
        changed["orders"] = tuple(orders if sweep.searches_orders else dict.fromkeys(orders))
        if sweep.searches_orders:
            changed["sampler"] = ""  # which proposes none of the orders, as all are written out
    if recorded.options.search.seeds_as_needed:
        changed["orders"] = ()  # which points spell, some several times
    return recorded.options.changed(**changed, trials=None, source=tuple(source) or _sources(recorded.options))


def _sources(options: Options) -> tuple[str, ...]:
    """The recorded sources, less those of other tasks of the catalogue, which earlier versions took and did not use."""
    others = TASKS.keys() - set(options.search.named_tasks)
    return tuple(text for text in options.storage.source if text.partition("=")[0] not in others)


def _at_recorded_precision(recorded: RecordedRun, experiment: Experiment) -> Experiment:
    """The experiment in the precision in which its steps have the recorded keys. Raises UserError without one."""
    unknown_step = ""
    for precision in PRECISIONS:
        candidate = replace(experiment, precision=precision)
        unknown_now = _first_unknown_step(recorded, _walks(candidate))
        check_learners(recorded)
        if not unknown_now:
            return candidate
        unknown_step = unknown_step or unknown_now
    recipe = recorded.summary.origin.recipe if recorded.summary.origin is not None else "unknown"
    raise UserError(
        f"{unknown_step} here: the recorded settings mean something else in this version of atlas or of the sweep's "
        f"file (recorded recipe: {recipe}). Use the version that the run was made with; nothing was trained."
    )


def _walks(experiment: Experiment) -> Sequence[Sequence[Walk]]:
    try:
        return foresee(experiment, most=experiment.trial_count()).trials
    except PointRefused as error:
        raise UserError(f"the sweep {experiment.sweep.name} cannot take the recorded settings: {error}") from error


def _first_unknown_step(recorded: RecordedRun, planned: Sequence[Sequence[Walk]]) -> str:
    """The first recorded step that is not among those planned, in words; "" where all are."""
    graph = WalkGraph(recorded.step_inputs)
    for rows, walks in zip(recorded.groups, planned, strict=True):
        keys = {(walk.order, walk.seed): {step.key for step in graph.every_step(walk)} for walk in walks}
        for row in rows:
            known = keys.get((row.order, row.seed), set())
            if missing := [key for key in row.step_keys if key not in known]:
                place = f"trial {trial_of(row)} ({' > '.join(row.order)}, seed {row.seed})"
                return f"the step {missing[0][:12]} of {place} is none of this trial's"
    return ""


def repeatable(recorded: RecordedRun, defaults: Options) -> list[str]:
    """The recorded arguments without those of one machine.

    Those of a resumed run, or of one with `--config`, come from its settings, since its command does not name them.
    """
    arguments = recorded.command[1:]
    given = given_options(arguments)
    if "resume" in given or config_of(arguments) is not None:
        plain = defaults.flat()
        return as_arguments(recorded.options.changed(**{name: plain[name] for name in ELSEWHERE}, source=()), defaults)
    left_out = {"storage", "tracking_uri", "dry_run", "source"}
    return [word for name, words in given.items() if name not in left_out for word in (flag_of(name), *words)]
