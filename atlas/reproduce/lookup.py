"""Lookup of a recorded run, in a storage or in MLflow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from atlas.config.command_line import given_options
from atlas.config.options import Options
from atlas.config.options_file import read_options_file
from atlas.report import Summary, read_summary
from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.paths import absolute
from atlas.storage.filesystem import StoragePath
from atlas.storage.options import StorageOptions
from atlas.sweep.folder import OPTIONS
from atlas.tasks import is_address
from atlas.tracking import check_tracking, default_tracking_uri, fetch_of_sweep, is_run_id, logged_run, signed_in

SUMMARY = "summary.json"


def find_run(run: str, *, storage: str, tracking_uri: str) -> RecordedRun:
    """The run: a sweep's id, `SWEEP/TRIAL`, a summary's path, or the MLflow id of the run of a sweep, trial or step.

    Raises:
        UserError: it is nowhere; its sweep has not ended; or no trial of it can be compared.
    """
    root = _download_sweeps(StorageOptions(storage=storage).path)
    if run.endswith(".json"):
        return recorded_at(absolute(run), root)
    sweep, _, trial = run.partition("/")
    if sweep and (root / "sweeps" / sweep).is_dir():
        found = recorded_at(_ended(root / "sweeps" / sweep), root)
        return found.narrowed(trial) if trial else found
    if is_run_id(run):
        return _logged(run, root, _tracking(root, tracking_uri))
    raise _unknown(run, root)


def _download_sweeps(storage: StoragePath) -> Path:
    """This machine's folder of the storage, with the files that describe its sweeps."""
    (storage / "sweeps").download(only=(SUMMARY, OPTIONS))
    return storage.local


def summary_of(sweep: str, root: Path) -> Path:
    """The summary of a sweep under `root`, by its id, or at a path. Raises UserError where there is none."""
    if sweep.endswith(".json"):
        return absolute(sweep)
    if not (root / "sweeps" / sweep).is_dir():
        raise _unknown(sweep, root)
    return _ended(root / "sweeps" / sweep)


def _unknown(run: str, root: Path) -> UserError:
    return unknown(f"run under {root}", run, [path.parent.name for path in (root / "sweeps").glob(f"*/{SUMMARY}")])


def recorded_at(path: Path, root: Path) -> RecordedRun:
    """The run of a summary. Its own storage is tried first for its data, then `root`."""
    return recorded_from(read_summary(path), _options_beside(path), root, path.parents[2] if _is_kept(path) else None)


def recorded_from(summary: Summary, options: Options | None, root: Path, storage: Path | None = None) -> RecordedRun:
    """The run of a summary that was read, with the options of its sweep's folder, where it has one."""
    recorded = RecordedRun(summary=summary, trials=summary.trials)
    tasks, learner = _user_defined(recorded, options)
    places = [storage, recorded.options.storage.local if recorded.options.storage.storage else None, root]
    return RecordedRun(
        summary=summary,
        trials=recorded.trials,
        storages=tuple(dict.fromkeys(place for place in places if place is not None)),
        own=tasks,
        learner=learner,
    )


def _is_kept(path: Path) -> bool:
    """Whether the summary lies where a sweep of a storage left it."""
    return len(path.parents) > 2 and path.parents[1].name == "sweeps"


def _ended(folder: Path) -> Path:
    path = folder / SUMMARY
    if not path.is_file():
        raise UserError(f"the sweep {folder.name} has no {SUMMARY}: it has not ended. Go on with it by --resume.")
    return path


def _tracking(root: Path, given: str) -> str:
    """The address to look at. Raises UserError where nothing answers there."""
    address = signed_in(given or os.environ.get("MLFLOW_TRACKING_URI", "")) or default_tracking_uri(root)
    check_tracking(address)
    return address


def _logged(run_id: str, root: Path, address: str) -> RecordedRun:
    run = logged_run(address, run_id)
    kept = root / "sweeps" / run.sweep
    if kept.is_dir():
        found = recorded_at(_ended(kept), root)
    else:
        with tempfile.TemporaryDirectory() as folder:
            summary = read_summary(fetch_of_sweep(address, run, SUMMARY, Path(folder)))
        found = recorded_from(summary, None, root)
    if run.kind == "trial":
        return found.narrowed(run.trial)
    return found.with_step(run.key) if run.kind == "step" else found


def _options_beside(path: Path) -> Options | None:
    """The options that the sweep was started with: they alone know where the files of user-defined parts are."""
    options = path.parent / OPTIONS
    return read_options_file(options) if options.is_file() else None


def _user_defined(recorded: RecordedRun, options: Options | None) -> tuple[tuple[str, ...], str]:
    """The addresses of the user's tasks and learner: from the sweep's folder, else from the recorded command."""
    if options is not None:
        tasks, learner = options.search.named_tasks, options.training.learner
    else:
        given = given_options(recorded.command[1:])
        tasks = tuple(task for name in ("tasks", "downstream", "reference") for task in given.get(name, ()))
        learner = next(iter(given.get("learner", ())), "")
    return tuple(filter(is_address, tasks)), learner if is_address(learner) else ""
