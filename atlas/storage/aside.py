"""Damaged artifacts, moved out of every reader's way and kept to be looked at.

Several processes may find the same one at once, and all of them move it: a file that is gone, another has moved.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from pyarrow import fs

from atlas.runtime.os_errors import is_missing
from atlas.storage.filesystem import files_under
from atlas.storage.upload import make_folder


def move_aside(filesystem: fs.FileSystem, paths: Iterable[str], folder: str, aside: str) -> str:
    """Move these files of `folder`, in their order, to the first free one of `aside`-1, `aside`-2, …; returns it."""
    target = _free(filesystem, aside)
    make_folder(filesystem, target)
    for path in paths:
        _move(filesystem, path, target + "/" + path.removeprefix(folder + "/"))
    return target


def _move(filesystem: fs.FileSystem, path: str, target: str) -> None:
    make_folder(filesystem, target.rpartition("/")[0])
    try:
        filesystem.move(path, target)
    except OSError as error:
        if not is_missing(error):
            raise


def _free(filesystem: fs.FileSystem, aside: str) -> str:
    numbered = (f"{aside}-{number}" for number in itertools.count(1))
    return next(folder for folder in numbered if not files_under(filesystem, folder))
