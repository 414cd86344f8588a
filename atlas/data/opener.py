"""How a picture is opened: its digest, by which two pictures of one name are told apart, and the state of its files."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from types import FunctionType

import numpy as np

IMAGE_FILES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
PLAIN = (str, bytes, int, float, bool, type(None))


class _Unknown(Exception):
    """A value of which equality cannot be told from its content."""


def opener_digest(opener: object) -> bytes:
    """Equal for functions of equal code and values; empty where it holds anything but functions and plain values."""
    digest = hashlib.blake2b(digest_size=8)
    try:
        for part in _parts(opener):
            digest.update(part)
    except (_Unknown, RecursionError):
        return b""
    return digest.digest()


def file_states(opener: object) -> list[tuple[int, int]]:
    """Size and time of change (ns) of the image files that a partial function has as its arguments."""
    return [_state(path) for path in image_paths(opener)]


def image_paths(opener: object) -> list[Path]:
    """The image files that a partial function has as its arguments."""
    arguments = opener.args if isinstance(opener, functools.partial) else ()
    return [path for path in arguments if isinstance(path, Path) and path.suffix.lower() in IMAGE_FILES]


def _state(path: PurePath) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _parts(value: object) -> Iterator[bytes]:
    """The content of a value, piece by piece. Raises _Unknown."""
    yield f"<{type(value).__qualname__}>".encode()
    if isinstance(value, PLAIN):
        yield repr(value).encode("utf-8", "surrogatepass")
    elif isinstance(value, PurePath):
        yield str(value).encode("utf-8", "surrogatepass")
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"{value.dtype}{value.shape}".encode()
        yield value.tobytes()
    elif isinstance(value, np.generic):
        yield repr(value.item()).encode()
    else:
        for one in _children(value):
            yield from _parts(one)
    yield b">"


def _children(value: object) -> list[object]:
    if isinstance(value, functools.partial):
        return [value.func, value.args, tuple(sorted(value.keywords.items()))]
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        code = value.__code__
        return [code.co_filename, code.co_firstlineno, value.__qualname__, value.__defaults__, cells]
    if isinstance(value, tuple | list):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    raise _Unknown(type(value).__name__)
