"""Paths that users give: where they lead, what is wrong where a file is wanted, folders that cannot be written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ELOOP
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.runtime.os_errors import error_from


def absolute(path: str | Path) -> Path:
    """The path without `~`, links and `..`; it need not be there.

    Raises:
        UserError: a link that leads back to itself, the home of nobody, a name too long, a character that no path has.
    """
    expanded = home_expanded(path)
    try:
        found = expanded.resolve()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            found.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"the path {str(path)!r:.200} leads nowhere: {_reason(error)}; give another.") from error
    return found


def home_expanded(path: str | Path) -> Path:
    """The path with the folder that `~` stands for. Raises UserError for the home of nobody."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"the path {str(path)!r} begins with a home that is not known; write it out, or set HOME."
        ) from error


def is_folder(path: Path) -> bool:
    """Whether a folder is there; a name that no path can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def not_a_file(path: Path, kind: str = "file") -> str:
    """Why no `kind` of file can be read at the path, in a clause; empty where one can be."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return (
            f"{path} is a link to {path.readlink()}, which is not there"
            if path.is_symlink()
            else f"there is no {kind} {path}"
        )
    except (OSError, ValueError) as error:
        return f"there is no {kind} {str(path)!r:.200}: {_reason(error)}"
    if stat.S_ISDIR(mode):
        return f"{path} is a folder, no {kind}"
    if not stat.S_ISREG(mode):
        return f"{path} is a pipe or a device, no {kind}"
    return "" if os.access(path, os.R_OK) else f"{path} may not be read"


@contextmanager
def writing_to(place: Path, advice: str) -> Iterator[None]:
    """Within it, an OSError is an AtlasError that names the place, the reason and what to do."""
    try:
        yield
    except OSError as error:
        raise error_from(error, f"{place} cannot be written: {error.strerror or error}; {advice}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError) or (isinstance(error, OSError) and error.errno == ELOOP):
        return "it is a link that leads back to itself"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
