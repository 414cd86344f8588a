"""Folders of pictures: what lies in them, so that another or a repaired folder is seen."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from atlas.runtime.errors import UserError

LEFT_BEHIND = {
    "__macosx",
    "thumbs.db",
    "desktop.ini",
    "@eadir",
    "lost+found",
    "$recycle.bin",
    "system volume information",
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that systems leave beside others: `._1.jpg`, `.DS_Store`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def folder_digest(folder: Path) -> str:
    """sha256 of the names and sizes of a folder's files, at any depth, hidden ones left out; their content is not read.

    Links to folders are not followed, but for the folder itself. Raises UserError where it cannot be read.
    """
    found = hashlib.sha256()
    for name, size in files_under(folder):
        found.update(f"{name}\t{size}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def files_under(folder: Path, *, links: bool = True) -> Iterator[tuple[str, int]]:
    """Relative name and size of each file, sorted within each folder; −1 for a link to nothing.

    Folders in it that are links are passed over. Raises UserError for one with `links=False`, and as `refuse`.
    """
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        if not links:
            refuse_links(parent, folders)
        below = os.path.relpath(parent, folder)
        for name in sorted(name for name in names if not is_hidden(name)):
            try:
                size = os.stat(os.path.join(parent, name)).st_size
            except OSError:
                size = -1
            yield (name if below == "." else f"{below}/{name}"), size


def is_filled(path: Path) -> bool:
    """Whether it is a folder that holds anything but hidden files. Raises UserError where it cannot be read."""
    if not os.path.isdir(path):
        return False
    try:
        with os.scandir(path) as entries:
            return any(not is_hidden(entry.name) for entry in entries)
    except OSError as error:
        raise UserError(f"the folder {path} cannot be read: {error.strerror}.") from error


def refuse_links(parent: str, folders: Iterable[str]) -> None:
    """Raises UserError for a folder that is a link: what lies behind it would be left out, its class with it."""
    for path in (os.path.join(parent, name) for name in folders):
        if os.path.islink(path):
            raise UserError(
                f"{path} is a link, and links within a folder of pictures are not followed; put the folder itself "
                f"there (the whole folder of pictures may be a link)."
            )


def refuse(error: OSError) -> None:
    """Raises UserError for a folder that cannot be read."""
    raise UserError(f"the folder {error.filename} cannot be read: {error.strerror}.") from error
