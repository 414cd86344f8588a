"""The Python file that asks a sweep: read without running it, and stood in for while its sweep runs again."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from atlas.config.sweep import Sweep
from atlas.runtime.errors import AtlasError
from atlas.sweep.run import reading


def sweep_in(path: Path) -> Sweep:
    """The sweep that the file hands to `atlas.sweep.main` (or `run`), which is not run.

    The file itself is: as `python FILE` would, without options. Raises AtlasError where it is no such file or fails.
    """
    _check(path)
    with stand_in([str(path)]), reading() as found:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit:
            pass  # how `main` ends
        except AtlasError:
            raise
        except Exception as error:  # whatever the file raises
            raise AtlasError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    if not found:
        raise AtlasError(f"{path} asks no sweep: it hands none to atlas.sweep.main.")
    return found[0]


@contextmanager
def stand_in(command: Sequence[str]) -> Iterator[None]:
    """While it lasts, this process looks as if it had been started by `python FILE …`; `command` begins with the file.

    Its folder is searched for imports, which functions of the file may still make when they are called.
    """
    kept, folder = sys.argv, str(Path(command[0]).resolve().parent)
    sys.argv = list(command)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.argv = kept
        if folder in sys.path:
            sys.path.remove(folder)


def _check(path: Path) -> None:
    """Whatever else may be recorded as the file of a run (a launcher of notebooks, say) is not to be started."""
    try:
        tree = ast.parse(path.read_text())
    except (OSError, ValueError, SyntaxError) as error:
        raise AtlasError(f"{path} is not a readable Python file: {error}") from error
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    if not any(name == "atlas" or name.startswith("atlas.sweep") for name in imported):
        raise AtlasError(f"{path} imports nothing of atlas.sweep, so that it asks no sweep.")
