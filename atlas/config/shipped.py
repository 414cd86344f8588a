"""The sweeps and the ledger that are shipped: in a checkout beside the package, in an installed wheel within it."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

from atlas.runtime.errors import UserError, unknown
from atlas.runtime.paths import not_a_file
from atlas.runtime.text import first_line

INSTALLED = "_sweeps"  # setup.py puts sweeps/*.py and docs/ledger.json there when it builds a wheel
PACKAGE = Path(__file__).resolve().parents[1]


def shipped_sweeps() -> dict[str, Path]:
    """Name → file of each, sorted by name."""
    folder = PACKAGE / INSTALLED
    if not folder.is_dir():
        folder = PACKAGE.parent / "sweeps"
    return {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.py"))}


def shipped_ledger() -> Path:
    """The path of the published ledger."""
    installed = PACKAGE / INSTALLED / "ledger.json"
    return installed if installed.is_file() else PACKAGE.parent / "docs" / "ledger.json"


def shipped_as(path: Path) -> Path | None:
    """The shipped file that a path of the repository, `sweeps/task_order.py`, stands for; None for any other path."""
    known = shipped_sweeps()
    return known.get(path.stem.replace("_", "-")) if path.parent.name == "sweeps" and path.suffix == ".py" else None


def find_shipped(name: str) -> Path:
    """The file of the sweep of that name. Raises UserError, which names the nearest, where there is none."""
    known = shipped_sweeps()
    found = known.get(name.replace("_", "-"))
    if found is None:
        raise UserError(f"{unknown('sweep', name, known)} For one of your own give the path of its Python file.")
    return found


def find_sweep(word: str) -> tuple[Path, str]:
    """The file that a word of the command line means, and its name where it is a shipped one ("" for a user's file).

    A path, or whatever ends in `.py`, is a file. Raises UserError for an unknown name.
    """
    if word.endswith(".py") or "/" in word or not not_a_file(Path(word)):
        return Path(word), ""
    return find_shipped(word), word.replace("_", "-")


def question_of(file: Path) -> str:
    """The question of a sweep: the first line of its file's docstring. The file is not run."""
    return first_line(ast.get_docstring(ast.parse(file.read_text())) or "")


def copy_sweep(name: str, target: Path) -> None:
    """Copy the file of a shipped sweep, to be changed; the commands in its docstring call the copy.

    Raises UserError for an unknown name, and for a target that is there already or cannot be written.
    """
    file = find_shipped(name)
    if target.exists():
        raise UserError(f"{target} exists already and is left as it is; name another file for the copy of {name}.")
    if target.suffix != ".py":
        raise UserError(f"the copy of {name} is to be {str(target)!r}; give a Python file such as my_{file.name}.")
    text = file.read_text().replace(f"sweeps/{file.name}", target.as_posix())
    try:
        target.write_text(text)
        shutil.copymode(file, target)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}; name another file.") from error
