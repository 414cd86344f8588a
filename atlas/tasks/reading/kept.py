"""The content of files that are asked for again and again, read once as long as they do not change."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ContentT = TypeVar("ContentT")


def kept(read: Callable[[Path], ContentT]) -> Callable[[Path], ContentT]:
    """The function, which keeps the content of the last four files as long as they do not change."""

    @functools.lru_cache(maxsize=4)
    def known(path: Path, written: int, size: int) -> ContentT:
        return read(path)

    @functools.wraps(read)
    def found(path: Path) -> ContentT:
        state = path.stat()
        return known(path, state.st_mtime_ns, state.st_size)

    return found
