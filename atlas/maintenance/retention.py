"""Retention: the steps that the sweeps under a storage used or may yet use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from atlas.maintenance.inventory import Item
from atlas.report import Summary, read_summary
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.os_errors import error_from, is_denied
from atlas.runtime.text import first_line
from atlas.storage.filesystem import StoragePath
from atlas.sweep.folder import OPTIONS, SweepFolder
from atlas.tracking import StepFinished, TrialStep, read_events


@dataclass(frozen=True, kw_only=True)
class RetainedSteps:
    """The steps that a sweep retains.

    `keys` are the steps that it names. An unfinished sweep (`since` is when it began, in seconds since 1970) also
    retains every step trained since then and every step over `tasks` alone: it may use them when it is resumed. A sweep
    whose summary does not name its references retains each single-task step of its `tasks` (`single_task`).
    """

    sweep: str
    keys: frozenset[str]
    tasks: frozenset[str]
    since: float | None
    single_task: bool

    def keeps(self, item: Item) -> bool:
        """Whether the step has to stay."""
        if item.key in self.keys:
            return True
        if self.since is not None and (item.ended >= self.since or item.tasks <= self.tasks):
            return True
        return self.single_task and len(item.tasks) == 1 and item.tasks <= self.tasks


def keepers(storage: StoragePath | Path) -> list[RetainedSteps]:
    """The sweeps under a storage.

    Raises:
        UserError: a sweep's files cannot be read, so that nobody knows what it keeps; AccessDenied where this user may
            not read them.
    """
    return [_keeper(folder) for folder in SweepFolder.all(storage)]


def _keeper(folder: SweepFolder) -> RetainedSteps:
    try:
        return _read(folder)
    except OSError as error:
        todo = "have them made readable, or ask their owner" if is_denied(error) else "repair them"
        raise error_from(error, f"{first_line(error)}. {_unknown(folder, todo)}") from error


def _unknown(folder: SweepFolder, todo: str) -> str:
    give_up = f"remove the folder {folder.place} to give the sweep up"
    return f"It is unknown which steps the sweep {folder.id} keeps; {todo}, or {give_up}."


def _read(folder: SweepFolder) -> RetainedSteps:
    summary = read_summary(folder.summary) if folder.summary.exists() else None
    finished = summary is not None and summary.sweep.status == "FINISHED"
    tasks = frozenset(summary.all_tasks if summary is not None else _planned_tasks(folder))
    began = _began(folder)
    return RetainedSteps(
        sweep=folder.id,
        keys=frozenset([*_named(summary), *_journalled(folder.path / "spool")]),
        tasks=tasks,
        since=None if finished else began,
        single_task=summary is not None and summary.reference_keys is None,
    )


def _named(summary: Summary | None) -> Iterator[str]:
    if summary is not None:
        yield from summary.reference_keys or ()
        for trial in summary.trials:
            yield from trial.step_keys


def _began(folder: SweepFolder) -> float:
    """The time at which the sweep wrote its options: before it trained anything."""
    path = folder.path / OPTIONS
    return (path if path.exists() else folder.path).stat().st_mtime


def _planned_tasks(folder: SweepFolder) -> tuple[str, ...]:
    """The tasks of a sweep's options. Raises UserError where they cannot be read."""
    try:
        search = folder.options().search
    except AtlasError as error:
        raise UserError(f"{error} {_unknown(folder, 'repair the file')}") from error
    return search.named_tasks


def _journalled(spool: Path) -> Iterator[str]:
    """The steps that the sweep's tracking journal names."""
    for event in read_events(spool):
        if isinstance(event, StepFinished):
            yield event.key
        elif isinstance(event, TrialStep):
            yield event.step
