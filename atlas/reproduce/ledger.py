"""The ledger: the published figures of sweeps, with the command for each and all that it takes to check them again.

Entries are written from a finished sweep's summary, never by hand; `figures` follow from `run`, which is checked
whenever the file is read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError

from atlas.config.invocation import Invocation
from atlas.report import Summary, read_summary
from atlas.report.summary import MachineFacts, SummaryPart, current_document
from atlas.reproduce.figures import PublishedFigure, figures_of
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import repeatable
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.problems import first_of, problem_lines
from atlas.storage.filesystem import write_whole
from atlas.sweep.file import load_sweep

SCHEMA = 1
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
PLACES: dict[str, JsonValue] = {"storage": "", "source": [], "tracking_uri": "", "resume": None}
CLOSE = 1e-9  # points: sums of the same numbers may differ in their last bits between versions of numpy


class LedgerEntry(SummaryPart):
    """The published figures of one sweep, and what it takes to check them again.

    `run` is the sweep's summary without what follows from the rest, and without places on a machine; versions, seeds,
    machine, recipe, backbone and fingerprints stand here for readers of the file.
    """

    command: str
    """As anybody calls it from the project's folder."""
    date: str | None
    versions: dict[str, str]
    seeds: tuple[int, ...]
    machine: MachineFacts | None = None
    recipe: int | None = None
    backbone: str
    """sha256 of the backbone's weights."""
    fingerprints: dict[str, str]
    """Task → sha256 of its prepared data."""
    figures: tuple[PublishedFigure, ...]
    run: Summary


class LedgerFile(SummaryPart):
    """The file: name → entry."""

    schema_version: int = Field(alias="schema")
    entries: dict[str, LedgerEntry]


def read_ledger(path: Path) -> dict[str, LedgerEntry]:
    """Name → entry. Raises UserError where there is no such file, or an entry is not whole or does not hold."""
    if not path.is_file():
        raise UserError(f"there is no ledger {path} under {Path.cwd()}; name it by --ledger.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        schema, entries = document["schema"], dict(document["entries"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a readable ledger: {type(error).__name__}: {error}.") from error
    if schema != SCHEMA:
        raise UserError(f"the ledger {path} has schema {schema!r}; this version reads {SCHEMA}.")
    current = {name: _with_current_run(entry) for name, entry in entries.items()}
    try:
        found = LedgerFile.model_validate_json(json.dumps({"schema": schema, "entries": current})).entries
    except ValidationError as error:
        raise UserError(f"the ledger {path}: {first_of(problem_lines(error))}.") from error
    for name, entry in found.items():
        _check(name, entry, path)
    return found


def _with_current_run(entry: JsonValue) -> JsonValue:
    """The entry with its run in this version's form."""
    if isinstance(entry, dict) and isinstance(run := entry.get("run"), dict):
        return {**entry, "run": current_document(run)}
    return entry


def find_entry(path: Path, name: str) -> LedgerEntry:
    """The entry of that name. Raises UserError where there is none."""
    entries = read_ledger(path)
    if name not in entries:
        raise unknown(f"entry of {path}", name, entries)
    return entries[name]


def add_entry(path: Path, name: str, summary: Path, *, replace: bool = False, file: Path | None = None) -> LedgerEntry:
    """Write an entry from a finished sweep's summary; returns it.

    Raises:
        UserError: a name that is none or is taken; a sweep that did not finish, or whose file is not under this
            folder.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name of an entry; use small letters, digits, dots and hyphens.")
    entries = read_ledger(path) if path.exists() else {}
    if name in entries and not replace:
        raise UserError(f"{path} has an entry {name!r} already; give --replace to renew it, or another name.")
    entries[name] = entry_of(read_summary(summary), file)
    _write(path, entries)
    return entries[name]


def entry_of(summary: Summary, file: Path | None = None) -> LedgerEntry:
    """The entry of a sweep. `file` is the sweep's, where the recorded one is not found from here. Raises UserError."""
    sweep, origin = summary.sweep, summary.origin
    if sweep.status != "FINISHED":
        raise UserError(f"the sweep {sweep.id} is {sweep.status}; only finished ones have figures to publish.")
    recorded = RecordedRun(summary=summary, trials=summary.trials)
    command = _command(recorded, file)
    run = _run(summary, command)
    entry = LedgerEntry(
        command=command,
        date=sweep.finished,
        versions=summary.versions,
        seeds=summary.seeds,
        machine=origin.machine if origin is not None else None,
        recipe=origin.recipe if origin is not None else None,
        backbone=summary.backbone_digest,
        fingerprints=recorded.fingerprints,
        figures=figures_of(run),
        run=run,
    )
    return entry if origin is not None else entry.without("machine", "recipe")


def _command(recorded: RecordedRun, given: Path | None) -> str:
    """The command as anybody calls it from the project's folder."""
    path = Path(os.path.relpath(given or recorded.command[0]))
    if not path.is_file() or path.parts[0] == os.pardir:
        raise UserError(
            f"the sweep's file {path} is not under {Path.cwd()}; go to the project's folder, or give --file."
        )
    arguments = repeatable(recorded, load_sweep(path).defaults)
    return Invocation(file=path.as_posix(), arguments=tuple(arguments)).command


def _run(summary: Summary, command: str) -> Summary:
    return summary.without("alpha", "reference_keys", "next", "timeline").model_copy(
        update={
            "sweep": summary.sweep.without("view", "tracking_uri").model_copy(update={"command": command}),
            "settings": {**summary.settings, **PLACES},
            "trials": tuple(trial.without("cost").model_copy(update={"metrics": {}}) for trial in summary.trials),
            "orders": (),
        }
    )


def _check(name: str, entry: LedgerEntry, path: Path) -> None:
    """Raises UserError where the entry says what does not follow from its run."""
    run = entry.run
    said = {one.place: one.value for one in entry.figures}
    follows = {one.place: one.value for one in figures_of(run)}
    wrong = [
        f"figure {place}"
        for place in said.keys() | follows
        if place not in said or place not in follows or not _same(said[place], follows[place])
    ]
    wrong += ["command"] if entry.command != run.sweep.command else []
    wrong += ["versions"] if entry.versions != run.versions else []
    wrong += ["backbone"] if entry.backbone != run.backbone_digest else []
    if wrong:
        raise UserError(
            f"the entry {name!r} of {path} says what does not follow from its run: {sorted(wrong)[0]}"
            f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}. Entries are written by `atlas ledger add`."
        )


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= CLOSE


def _write(path: Path, entries: Mapping[str, LedgerEntry]) -> None:
    file = LedgerFile(schema=SCHEMA, entries=dict(sorted(entries.items())))
    document = file.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{_compact(text)}\n".encode())


def _compact(text: str) -> str:
    """Lists of plain values on one line each, so that a matrix looks like one."""
    return re.sub(r"\[\n\s*([^\[\]{}]*?)\n\s*\]", _on_one_line, text)


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(line.strip() for line in found[1].splitlines())}]"
