"""An SQLite database of MLflow that was moved with its artifacts: its addresses of them follow.

MLflow keeps the absolute address of every run's and model's artifacts. Those of a database of ours lie beside it, in
`mlartifacts/`; where it stands elsewhere now, they are rewritten in one transaction. Others are left alone.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

ARTIFACTS = "mlartifacts"
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
BUSY_SECONDS = 30.0


def artifact_address(folder: Path) -> str:
    """A folder as MLflow takes the place of artifacts: its path, or the same as an address where `%` is in it."""
    return folder.as_uri() if "%" in str(folder) else str(folder)


def relocate(database: Path) -> None:
    """Let the database name its artifacts where they are now; a database that cannot be written is told in a line."""
    artifacts = database.parent / ARTIFACTS
    try:
        uri = f"{database.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as file:
            moved = [place for place in _earlier_places(file) if _has_moved(place, artifacts)]
        if moved:
            _rewrite(database, moved, artifact_address(artifacts))
    except sqlite3.Error as error:
        log.warning(
            "%s may name artifacts where they were before it was moved, and cannot be changed (%s): make it writable, "
            "or move it back",
            database,
            error,
        )


def _earlier_places(file: sqlite3.Connection) -> Iterator[str]:
    """The addresses of `mlartifacts` in which the database's experiments keep their artifacts."""
    known = file.execute("SELECT name FROM sqlite_master WHERE name = 'experiments'").fetchall()
    rows = file.execute("SELECT name, artifact_location FROM experiments").fetchall() if known else []
    places = set()
    for name, location in rows:
        end = f"/{ARTIFACTS}/{urllib.parse.quote(name, safe='')}"
        if str(location).endswith(end):
            places.add(str(location).removesuffix(end) + f"/{ARTIFACTS}")
    yield from sorted(places)


def _has_moved(place: str, artifacts: Path) -> bool:
    """Whether the artifacts of an earlier place are these: a database that was copied alone keeps the others."""
    earlier = Path(urllib.parse.unquote(place.removeprefix("file://")) if place.startswith("file://") else place)
    return earlier != artifacts and (artifacts.is_dir() or not earlier.is_dir())


def _rewrite(database: Path, places: list[str], now: str) -> None:
    """Replace the earlier places at the beginning of every address, all or none."""
    with contextlib.closing(sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        for table, column in COLUMNS:
            if column not in {row[1] for row in file.execute(f"PRAGMA table_info({table})")}:
                continue
            for place in places:
                begins = f"substr({column}, 1, {len(place) + 1}) = ?"
                change = f"UPDATE {table} SET {column} = ? || substr({column}, {len(place) + 1}) WHERE {begins}"
                file.execute(change, (now, f"{place}/"))
        file.execute("COMMIT")  # an error before leaves the transaction open, and closing undoes it
    log.info("%s and its artifacts are at another place than before: its addresses follow", database)
