"""The winner of an earlier sweep as the learner of a new one: `--settings-of SWEEP`, or its settings by `--tuned`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from atlas.config.learners import tuned_settings
from atlas.config.options import Options
from atlas.config.sweep import Sweep, no_search
from atlas.learners import TwoStage, find_learner
from atlas.report import Summary, read_summary
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.paths import home_expanded
from atlas.storage.filesystem import StoragePath
from atlas.sweep.folder import SUMMARY, SweepFolder

if TYPE_CHECKING:
    from pydantic import JsonValue

DECIDED = ("rank",)  # options that the winner's settings hold


def with_winner(sweep: Sweep, options: Options, named: Collection[str] = ()) -> Options:
    """The options with the settings of the learner that `--settings-of` names, or `--tuned` holds; else as they are.

    Both together are those of a recorded sweep, and stay. `named` are the options of the command line.

    Raises:
        UserError: there is no such sweep, its summary does not say the settings, an option beside it contradicts them,
            or the sweep does not try that learner.
    """
    wanted, tuned = options.training.settings_of, options.training.tuned
    if wanted is None and tuned:
        return _with_settings(sweep, options, "--tuned", tuned_settings(tuned), named)
    if wanted is None or tuned:
        return options
    summary = _summary(wanted, options.storage.path)
    settings = summary.best.learner if summary.best is not None else {}
    if not settings:
        why = "has no finished trial" if summary.best is None else "was summarised before settings were recorded"
        raise UserError(
            f"--settings-of {wanted}: that sweep {why}; run its command again (what is stored is not trained again): "
            f"{summary.sweep.command}"
        )
    return _with_settings(sweep, options, f"--settings-of {wanted}", settings, named)


def _with_settings(
    sweep: Sweep, options: Options, origin: str, settings: Mapping[str, JsonValue], named: Collection[str]
) -> Options:
    """The options with these settings of a learner, which `origin` gave. Raises UserError as `with_winner` does."""
    name, learner = str(settings["name"]), options.training.learner
    _check_options(sweep, options, origin, name, named)
    return options.changed(tuned=json.dumps(settings, sort_keys=True), learner=name if _takes_any(sweep) else learner)


def _summary(wanted: str, storage: StoragePath) -> Summary:
    """The summary of a sweep, by its id or by the path of the file. Raises UserError where there is none."""
    if wanted.endswith(".json"):
        return read_summary(home_expanded(wanted))
    folder = storage / "sweeps" / wanted
    if not (folder.download(only=("summary.json",)) / "summary.json").is_file():
        known = [one.id for one in SweepFolder.all(storage) if one.has(SUMMARY)]
        raise unknown("sweep of --settings-of", wanted, known)
    return read_summary(folder.local / "summary.json")


def _check_options(sweep: Sweep, options: Options, origin: str, learner: str, named: Collection[str]) -> None:
    given, usual = options.flat(), sweep.defaults.flat()
    for name in DECIDED:
        if name in named or given[name] != usual[name]:
            raise UserError(
                f"--{name} is {given[name]} beside {origin}, which has a {name} of its own; give one of the two."
            )
    asked = options.training.learner
    if ("learner" in named or asked != sweep.defaults.training.learner) and find_learner(asked).name != learner:
        raise UserError(f"--learner is {asked} beside {origin}, whose learner is {learner!r}; give one of the two.")
    if not _takes_any(sweep) and not _tries(sweep, options, learner):
        raise UserError(
            f"{origin} has the settings of the learner {learner!r}, which the sweep {sweep.name} does "
            f"not try; give it to the sweeps task-order, learner or compare."
        )


def _takes_any(sweep: Sweep) -> bool:
    """Whether `--learner` says what the sweep tries."""
    return sweep.learner is no_search or sweep.any_learner


def _tries(sweep: Sweep, options: Options, learner: str) -> bool:
    """Whether a sweep that chooses its learners begins with ATLAS, or names this one in its points."""
    points = sweep.all_points(options)
    return issubclass(find_learner(learner), TwoStage) or any(learner in point.values() for point in points)
