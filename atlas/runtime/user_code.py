"""User-defined code: a Python file and a name in it, written `FILE.py:NAME`."""

from __future__ import annotations

import runpy
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.runtime.errors import AtlasError, UserError, unknown
from atlas.runtime.paths import absolute, not_a_file
from atlas.runtime.user_modules import digest_with_modules, import_later, imports_beside

SUFFIX = ".py"
PACKAGE, PACKAGES = str(Path(__file__).parents[1]), "site-packages"  # this package, and where others are installed


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A user's file that was run: everything in it by name, the `module` that its classes say they are of, and the
    sha256 of its text and of the modules beside it that it imports. `address` is absolute.
    """

    address: str
    module: str
    digest: str
    contents: dict[str, Any]

    @property
    def value(self) -> Any:
        """The object that the address names."""
        return self.contents[self.address.rpartition(":")[2]]


def is_address(name: str) -> bool:
    """Whether it is `FILE.py:NAME` (or a file's name alone) instead of the name of something of a catalogue."""
    return name.rpartition(":")[0].endswith(SUFFIX) or name.endswith(SUFFIX)


def run_file(address: str, *, what: str, kind: str, fits: Callable[[Any, str], bool]) -> Brought:
    """Run the file of `FILE.py:NAME` and find the name in it.

    `what` is wanted, in a person's word, a `kind` in Python's; `fits(value, module)` says what is one.
    Raises UserError where there is no such file or nothing of that name that fits, or the file fails.
    """
    file, _, name = address.rpartition(":")
    if not file.endswith(SUFFIX):
        raise UserError(f"{address} names no {what} in the file: write {address}:NAME, NAME being a {kind} in it.")
    path = absolute(file)
    if lacking := not_a_file(path):
        raise UserError(f"{lacking}; a {what} of your own is written FILE.py:NAME.")
    module = path.name  # with its suffix, no module that can be imported has that name
    try:
        with imports_beside(path):
            contents = runpy.run_path(str(path), run_name=module)
        import_later(path)
    except AtlasError:
        raise
    except (Exception, SystemExit) as error:  # whatever the file raises
        raise UserError(f"{path} cannot be run: {own_failure(error)}") from error
    known = [key for key, value in contents.items() if fits(value, module)]
    if name not in known and known:
        raise unknown(what, name, known)
    if name not in known:
        where = f"; see atlas.{what}s.{kind}" if kind[:1].isupper() else f", and a {what} of your own is one"
        raise UserError(f"{path} holds no {kind}{where}.")
    digest = digest_with_modules(path)
    return Brought(address=f"{path}:{name}", module=module, digest=digest, contents=contents)


def users_line(error: BaseException) -> str:
    """The last line of a user's own file that an error came through, as "FILE, line N"; empty where there is none."""
    ours, installed = Path(__file__).parents[1], [Path(folder) for folder in sysconfig.get_paths().values()]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_absolute() and not any(path.is_relative_to(folder) for folder in (ours, *installed)):
            return f"{path}, line {frame.lineno}"
    return ""


def own_failure(error: BaseException) -> str:
    """An error that a user's code raised, in one line: its type and message, and the last line outside of packages."""
    frames = traceback.extract_tb(error.__traceback__)
    others = (PACKAGE, "<")
    own = [one for one in frames[1:] if not one.filename.startswith(others) and PACKAGES not in one.filename]
    message = " ".join(str(error).split()).rstrip(".")
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {message}{place}"
