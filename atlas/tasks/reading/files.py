"""Reading published files: paths that stay inside their folder, checked lines and fields."""

from __future__ import annotations

import csv
import functools
import json
import os
import struct
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from unicodedata import normalize

from atlas.runtime.digest import file_sha256
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import counted, first_line
from atlas.tasks.sample import Broken, Picture

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue

LFS = b"version https://git-lfs.github.com/spec/"
MOST_PIXELS = 100_000_000  # beyond it an image is a decompression bomb


class Unreadable(UserError):
    """A record that cannot be read; a reader turns it into `Broken`."""


def given(source: Path | None) -> Path:
    """The source folder of a task that needs one. Raises UserError where none is named."""
    if source is None:
        raise UserError("the task's published files are needed: name the folder that holds them as its source.")
    return source


def inside(root: Path, name: str) -> Path:
    """`root / name`. Raises Unreadable for a path that is absolute, leaves the folder, or is linked out of it."""
    parts = PurePosixPath(name)
    if not name or parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or not _is_text(name):
        raise Unreadable(f"the path {name!r} leaves its folder")
    path = root / name
    if _has_link(root, parts) and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise Unreadable(f"the path {name!r} is a link out of its folder")
    return path


def picture(root: Path, name: str, *, folder: str = "") -> Picture:
    """The image file of that relative name, opened when it is asked for.

    folder: where the name begins with this one, `images/`, it may be a link. A name of letters that Unicode writes in
    two ways is found in either.
    Raises Unreadable as `inside` does, and where there is no such file.
    """
    linked = bool(folder) and name.startswith(folder) and _has_link(root, PurePosixPath(folder))
    below, rest = (root / folder, name.removeprefix(folder)) if linked else (root, name)
    path = next((path for form in _forms(rest) if os.path.isfile(path := inside(below, form))), None)
    if path is None:
        raise Unreadable(f"there is no image {name!r}")
    return Picture(name=name, open=functools.partial(open_image, path))


def _forms(name: str) -> Iterator[str]:
    """The name, and then in Unicode's composed and decomposed form: a Mac writes é as two characters."""
    yield name
    if not name.isascii():
        yield from (form for form in (normalize("NFC", name), normalize("NFD", name)) if form != name)


def open_image(path: Path) -> Image.Image:
    """The image, fully decoded. Raises OSError where it is no image, cut short or too large."""
    with open(path, "rb") as file:
        if file.read(len(LFS)) == LFS:
            raise OSError(f"{path} is a Git LFS pointer instead of an image; run `git lfs pull` where it came from")
    return decoded(path, str(path))


def decoded(file: Path | BinaryIO, name: str) -> Image.Image:
    """The image of a file, of several frames or pages the first. Raises OSError as `open_image` does, naming it."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.width * image.height > MOST_PIXELS:
                raise OSError(f"{name} has {image.width} x {image.height} pixels, more than {MOST_PIXELS:,}")
            image.load()
            return image  # a copy would lose its format and its tags
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise OSError(f"{name} is no image that can be read: {error}") from error  # Pillow's errors other than OSError


def text_lines(path: Path) -> Iterator[tuple[str, str]]:
    """`(file:line, text)` of every line that is not blank.

    Raises UserError where the file is not there, empty, no text or a Git LFS pointer.
    """
    empty = True
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            empty = False
            yield f"{path.name}:{number}", line.strip()
    if empty:
        raise UserError(f"{path} is empty; download it again.")


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, JsonValue] | Broken]]:
    """`(file:line, object)` of every line that is not blank; `Broken` for one that is no JSON object.

    Raises UserError as `text_lines` does.
    """
    for where, line in text_lines(path):
        yield where, _object(line, where)


def csv_lines(path: Path, columns: Iterable[str] = ()) -> Iterator[tuple[str, dict[str, str] | Broken]]:
    """`(file:line, column -> text)` of every row under the header; `Broken` for one with too few or too many values.

    Raises UserError as `text_lines` does, and where the header lacks one of `columns` or names one twice.
    """
    rows = csv.DictReader(_lines(path, newline=""), strict=True)
    try:
        found = rows.fieldnames or ()
        if not found:
            raise UserError(f"{path} is empty; write a line of column names and a line a record.")
        twice = [column for column, count in Counter(found).items() if count > 1]
        if twice:
            raise UserError(f"{path}: the column {twice[0]!r} is there twice; give each its own name.")
        for column in columns:
            if column not in found:
                raise UserError(f"{path}: {unknown('or missing column', column, found)}")
        for row in rows:
            where = f"{path.name}:{rows.line_num}"
            whole = None not in row and None not in row.values()
            yield (
                where,
                row if whole else Broken(where=where, reason=f"not {counted(len(found), 'value')}: {', '.join(found)}"),
            )
    except csv.Error as error:
        raise UserError(f"{path}:{rows.line_num} is no CSV: {error}.") from error


def json_file(path: Path) -> Any:
    """The content of a JSON file. Raises UserError where it is empty, no JSON or a Git LFS pointer."""
    _refuse_pointer(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}. Download it again.") from error


def json_items(path: Path, key: str) -> Iterator[tuple[str, dict[str, JsonValue] | Broken]]:
    """`(file: key[place], object)` of the list under a JSON object's key, one at a time: memory stays flat.

    key: "" where the file is the list itself.

    Raises UserError where the file is empty, cut short, no JSON, a Git LFS pointer, or has no such list.
    """
    import ijson

    _refuse_pointer(path)
    place, keys = -1, ()
    try:
        with open(path, "rb") as file:
            start = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
            file.seek(start)
            for place, value in enumerate(ijson.items(file, f"{key}.item" if key else "item", use_float=True)):
                where = f"{path.name}: {key}[{place}]"
                other = Broken(where=where, reason=f"a {type(value).__name__}, no object")
                yield where, value if isinstance(value, dict) else other
            if place < 0:
                file.seek(start)
                keys = tuple(name for above, kind, name in ijson.parse(file) if not above and kind == "map_key")
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as JSON: {first_line(error)}. Download it again.") from error
    if place < 0:
        if not key:
            raise UserError(f"{path} is no list, or an empty one. Download it again.")
        raise UserError(f"{path}: {unknown('or empty list', key, keys)} Download it again.")


def field(values: Mapping[str, JsonValue], names: str | Sequence[str], kind: type | tuple[type, ...] = str) -> Any:
    """The value under the name, or under the first of several spellings.

    Raises Unreadable, naming the nearest known field, where it is not there or of another kind.
    """
    spellings = (names,) if isinstance(names, str) else tuple(names)
    name = next((name for name in spellings if name in values), None)
    if name is None:
        raise Unreadable(str(unknown("or missing field", spellings[0], values)))
    value = values[name]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise Unreadable(f"the field {name!r} is {value!r:.60}, a {type(value).__name__}")
    if isinstance(value, str) and not _is_text(value):
        raise Unreadable(f"the field {name!r} is {value!r:.60}, no Unicode text")
    return value


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal. Raises UserError where it cannot be read, is empty or a Git LFS pointer."""
    check_content(path)
    return file_sha256(path)


def check_content(path: Path) -> None:
    """Raises UserError for a file that cannot be read, is empty or a Git LFS pointer."""
    _refuse_pointer(path)
    if not path.stat().st_size:
        raise UserError(f"{path} is empty; download it again.")


def _has_link(root: Path, parts: PurePosixPath) -> bool:
    """Whether the path goes through a link below the root: cheaper to ask than to resolve every path."""
    below = str(root)
    for part in parts.parts:
        below = os.path.join(below, part)
        if os.path.islink(below):
            return True
    return False


def _is_text(text: str) -> bool:
    """Whether it can be encoded: half a surrogate pair, which JSON can spell, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_pointer(path: Path) -> None:
    try:
        with open(path, "rb") as file:
            start = file.read(len(LFS))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if start == LFS:
        raise UserError(f"{path} is a Git LFS pointer instead of data; run `git lfs pull` where it came from.")


def _lines(path: Path, newline: str | None = None) -> Iterator[str]:
    _refuse_pointer(path)
    try:
        with open(path, encoding="utf-8-sig", newline=newline) as file:
            yield from file
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: {error}. Download it again.") from error


def _object(line: str, where: str) -> dict[str, JsonValue] | Broken:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Broken(where=where, reason=f"no JSON: {error}")
    return value if isinstance(value, dict) else Broken(where=where, reason=f"a {type(value).__name__}, no object")
