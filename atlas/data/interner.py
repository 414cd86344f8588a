"""On-disk string interner with bounded memory: a split may have millions of names."""

from __future__ import annotations

import sqlite3

from atlas.runtime.errors import StorageUnavailable

CACHE_KIB = 16 * 1024


class Interner:
    """Numbers names in the order of their first occurrence, in a private SQLite file that is gone with the process.

    Each name keeps the note with which it came first.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE names (name BLOB PRIMARY KEY, number INTEGER, note BLOB) WITHOUT ROWID")
        self._database.execute("BEGIN")  # never committed: a private file needs no durability
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> tuple[int, bool]:
        """The number of a name, and whether the name is new. Raises StorageUnavailable where the disk is full."""
        number, new, _ = self.add_noted(name, b"")
        return number, new

    def add_noted(self, name: str, note: bytes) -> tuple[int, bool, bytes]:
        """As `add`, with the note that the name has: this one, where it is new."""
        try:
            return self._add(name.encode("utf-8", "surrogatepass"), note)
        except sqlite3.OperationalError as error:
            raise StorageUnavailable(
                f"cannot keep names in a temporary file: {error}. Make room, or set SQLITE_TMPDIR"
            ) from error

    def _add(self, key: bytes, note: bytes) -> tuple[int, bool, bytes]:
        insert = "INSERT INTO names VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        if self._database.execute(insert, (key, self._count, note)).rowcount == 1:
            self._count += 1
            return self._count - 1, True, note
        number, known = self._database.execute("SELECT number, note FROM names WHERE name = ?", (key,)).fetchone()
        return number, False, known

    def close(self) -> None:
        """Close the file."""
        self._database.close()
