"""The ledger: the published figures of sweeps, with the command for each and all that it takes to check them again.

    schema   1
    entries  {name: {command, date, versions, seeds, machine?, recipe?, backbone, fingerprints: {task: digest},
              figures: [{figure, value, split, route?, order?, task?, seeds, …, definition}],
              run: the sweep's summary.json without what follows from the rest and without places on a machine}}

Entries are written from a finished sweep's summary, never by hand; `figures` follow from `run`, which is checked
whenever the file is read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas.config.invocation import Invocation
from atlas.report import read_summary, validate
from atlas.reproduce.figures import figures_of
from atlas.reproduce.recorded_run import DIGEST, RecordedRun
from atlas.reproduce.replay import repeatable
from atlas.runtime.errors import AtlasError, unknown
from atlas.storage.filesystem import write_whole
from atlas.sweep.file import load_sweep

SCHEMA = 1
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
PLACES: dict[str, Any] = {"storage": "", "source": [], "tracking_uri": "", "resume": None}
LEFT_OUT = ("alpha", "reference_keys")
CLOSE = 1e-9  # points: sums of the same numbers may differ in their last bits between versions of numpy


def read_ledger(path: Path) -> dict[str, Any]:
    """Name → entry. Raises AtlasError where there is no such file, or an entry is not whole or does not hold."""
    if not path.is_file():
        raise AtlasError(f"there is no ledger {path} under {Path.cwd()}; name it by --ledger.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        schema, entries = found["schema"], dict(found["entries"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AtlasError(f"{path} is not a readable ledger: {type(error).__name__}: {error}.") from error
    if schema != SCHEMA:
        raise AtlasError(f"the ledger {path} has schema {schema!r}; this version reads {SCHEMA}.")
    for name, entry in entries.items():
        _check(name, entry, path)
    return entries


def find_entry(path: Path, name: str) -> dict[str, Any]:
    """The entry of that name. Raises AtlasError where there is none."""
    entries = read_ledger(path)
    if name not in entries:
        raise unknown(f"entry of {path}", name, entries)
    return dict(entries[name])


def add_entry(
    path: Path, name: str, summary: Path, *, replace: bool = False, file: Path | None = None
) -> dict[str, Any]:
    """Write an entry from a finished sweep's summary; gives it.

    Raises:
        AtlasError: a name that is none or is taken; a sweep that did not finish, or whose file is not under this
            folder.
    """
    if not NAME.fullmatch(name):
        raise AtlasError(f"{name!r} is no name of an entry; use small letters, digits, dots and hyphens.")
    entries = read_ledger(path) if path.exists() else {}
    if name in entries and not replace:
        raise AtlasError(f"{path} has an entry {name!r} already; give --replace to renew it, or another name.")
    entries[name] = entry_of(read_summary(summary), file)
    _write(path, entries)
    return dict(entries[name])


def entry_of(summary: Mapping[str, Any], file: Path | None = None) -> dict[str, Any]:
    """The entry of a sweep. `file` is the sweep's, where the recorded one is not found from here. Raises AtlasError."""
    status = summary["sweep"]["status"]
    if status != "FINISHED":
        raise AtlasError(f"the sweep {summary['sweep']['id']} is {status}; only finished ones have figures to publish.")
    recorded = RecordedRun(summary=summary, trials=tuple(summary["trials"]))
    command = _command(recorded, file)
    run = _run(summary, command)
    origin = summary.get("origin", {})
    return {
        "command": command,
        "date": summary["sweep"]["finished"],
        "versions": summary["versions"],
        "seeds": summary["seeds"],
        **{name: origin[name] for name in ("machine", "recipe") if name in origin},
        "backbone": recorded.step_inputs.backbone,
        "fingerprints": recorded.fingerprints,
        "figures": figures_of(run),
        "run": run,
    }


def _command(recorded: RecordedRun, given: Path | None) -> str:
    """The command as anybody calls it from the project's folder."""
    path = Path(os.path.relpath(given or recorded.command[0]))
    if not path.is_file() or path.parts[0] == os.pardir:
        raise AtlasError(
            f"the sweep's file {path} is not under {Path.cwd()}; go to the project's folder, or give --file."
        )
    arguments = repeatable(recorded, load_sweep(path).defaults)
    return Invocation(file=path.as_posix(), arguments=tuple(arguments)).command


def _run(summary: Mapping[str, Any], command: str) -> dict[str, Any]:
    return {
        **{name: value for name, value in summary.items() if name not in LEFT_OUT},
        "sweep": {**summary["sweep"], "command": command},
        "settings": {**summary["settings"], **PLACES},
        "trials": [
            {**{name: value for name, value in row.items() if name != "cost"}, "metrics": {}}
            for row in summary["trials"]
        ],
        "orders": [],
    }


def _check(name: str, entry: Any, path: Path) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("run"), dict):
        raise AtlasError(f"the entry {name!r} of {path} holds no run; write it again by `atlas ledger add`.")
    run = entry["run"]
    if problems := validate(run):
        raise AtlasError(f"the run of the entry {name!r} of {path} has {len(problems)} problems, e.g. {problems[0]}.")
    said = {_place(one): one.get("value") for one in entry.get("figures", ())}
    follows = {_place(one): one["value"] for one in figures_of(run)}
    facts = {"command": run["sweep"]["command"], "versions": run["versions"], "backbone": run["settings"].get(DIGEST)}
    wrong = [f"figure {place}" for place in said.keys() | follows if not _same(said.get(place), follows.get(place))]
    wrong += [what for what, value in facts.items() if entry.get(what) != value]
    if wrong:
        raise AtlasError(
            f"the entry {name!r} of {path} says what does not follow from its run: {sorted(wrong)[0]}"
            f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}. Entries are written by `atlas ledger add`."
        )


def _place(figure: Mapping[str, Any]) -> str:
    """Which figure it is, as text."""
    return json.dumps(
        {name: value for name, value in figure.items() if name not in ("value", "definition")}, sort_keys=True
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= CLOSE
    return bool(one is None and other is None)


def _write(path: Path, entries: Mapping[str, Any]) -> None:
    text = json.dumps(
        {"schema": SCHEMA, "entries": dict(sorted(entries.items()))}, indent=1, allow_nan=False, ensure_ascii=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{_compact(text)}\n".encode())


def _compact(text: str) -> str:
    """Lists of plain values on one line each, so that a matrix looks like one."""
    return re.sub(r"\[\n\s*([^\[\]{}]*?)\n\s*\]", _on_one_line, text)


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(line.strip() for line in found[1].splitlines())}]"
