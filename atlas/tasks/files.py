"""Reading files that somebody else wrote: paths that stay inside, lines and fields that are what they should be."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from atlas.errors import AtlasError, unknown
from atlas.tasks.task import Broken, Picture

if TYPE_CHECKING:
    from PIL import Image

LFS = b"version https://git-lfs.github.com/spec/"
MOST_PIXELS = 100_000_000  # beyond it an image is a decompression bomb
BLOCK = 1 << 20


class Unreadable(AtlasError):
    """A record that cannot be read; a reader turns it into `Broken`."""


def inside(root: Path, name: str) -> Path:
    """`root / name`. Raises Unreadable for a path that is absolute, leaves the folder, or is linked out of it."""
    parts = PurePosixPath(name)
    if not name or parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name:
        raise Unreadable(f"the path {name!r} leaves its folder")
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise Unreadable(f"the path {name!r} is a link out of its folder")
    return path


def picture(root: Path, name: str) -> Picture:
    """The image file of that relative name, opened when it is asked for. Raises Unreadable as `inside` does."""
    return Picture(name=name, open=functools.partial(open_image, inside(root, name)))


def open_image(path: Path) -> Image.Image:
    """The image, wholly decoded. Raises OSError where it is no image, cut short or too large."""
    from PIL import Image

    with open(path, "rb") as file:
        if file.read(len(LFS)) == LFS:
            raise OSError(f"{path} is a Git LFS pointer instead of an image; run `git lfs pull` where it came from")
    try:
        image = Image.open(path)
        if image.width * image.height > MOST_PIXELS:
            raise OSError(f"{path} has {image.width} x {image.height} pixels, more than {MOST_PIXELS:,}")
        image.load()
    except (Image.DecompressionBombError, SyntaxError, ValueError) as error:  # what Pillow raises beside OSError
        raise OSError(f"{path} is no image that can be read: {error}") from error
    return image


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any] | Broken]]:
    """`(file:line, object)` of every line that is not blank; `Broken` for one that is no JSON object.

    Raises AtlasError where the file is empty, no text or a Git LFS pointer.
    """
    _refuse_pointer(path)
    empty = True
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(_decoded(file, path), start=1):
            if line.strip():
                empty = False
                where = f"{path.name}:{number}"
                yield where, _object(line, where)
    if empty:
        raise AtlasError(f"{path} is empty; download it again.")


def json_file(path: Path) -> Any:
    """What a JSON file holds. Raises AtlasError where it is empty, no JSON or a Git LFS pointer."""
    _refuse_pointer(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AtlasError(f"{path} cannot be read as JSON: {error}. Download it again.") from error


def text_lines(path: Path) -> Iterator[tuple[str, str]]:
    """`(file:line, text)` of every line that is not blank. Raises AtlasError as `json_lines` does."""
    _refuse_pointer(path)
    empty = True
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(_decoded(file, path), start=1):
            if line.strip():
                empty = False
                yield f"{path.name}:{number}", line.strip()
    if empty:
        raise AtlasError(f"{path} is empty; download it again.")


def field(values: Mapping[str, Any], names: str | Sequence[str], kind: type | tuple[type, ...] = str) -> Any:
    """The value under the name, or under the first of several spellings.

    Raises Unreadable, naming the nearest known field, where it is not there or of another kind.
    """
    spellings = (names,) if isinstance(names, str) else tuple(names)
    name = next((name for name in spellings if name in values), None)
    if name is None:
        raise Unreadable(str(unknown("or missing field", spellings[0], values)))
    value = values[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise Unreadable(f"the field {name!r} is {value!r:.60}, a {type(value).__name__}")
    return value


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_pointer(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            start = file.read(len(LFS))
    except OSError as error:
        raise AtlasError(f"{path} cannot be read: {error.strerror}.") from error
    if start == LFS:
        raise AtlasError(f"{path} is a Git LFS pointer instead of data; run `git lfs pull` where it came from.")


def _decoded(lines: Iterator[str], path: Path) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise AtlasError(f"{path} is not UTF-8 text: {error}. Download it again.") from error


def _object(line: str, where: str) -> dict[str, Any] | Broken:
    try:
        value = json.loads(line)
    except ValueError as error:
        return Broken(where=where, reason=f"no JSON: {error}")
    return value if isinstance(value, dict) else Broken(where=where, reason=f"a {type(value).__name__}, no object")
