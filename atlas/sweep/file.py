"""The Python file of a sweep: loaded without running the sweep, or run as a script."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from atlas.config.sweep import Sweep
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.paths import not_a_file
from atlas.runtime.user_code import own_failure
from atlas.runtime.user_modules import imports_beside
from atlas.sweep.run import begun_sweeps, collect_sweeps


def load_sweep(path: Path) -> Sweep:
    """The sweep that the file passes to `atlas.sweep.main` (or `run`), which is not run.

    The file itself is run, as `python FILE` would, without options. Raises UserError where it defines no sweep or
    fails.
    """
    _check(path)
    with imports_beside(path), _script_arguments(path, ()), collect_sweeps() as found:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit:
            pass  # how `main` ends
        except AtlasError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise UserError(f"{path} cannot be run: {own_failure(error)}.") from error
    if not found:
        raise UserError(f"{path} defines no sweep: it passes none to atlas.sweep.main.")
    return found[0]


def run_sweep_file(path: Path, arguments: Sequence[str]) -> None:
    """Run the file as `python FILE ARGUMENT …` does.

    Raises:
        UserError: no such file; one that fails before it has begun a sweep, or that begins none.
    """
    if lacking := not_a_file(path, "sweep file"):
        raise UserError(f"{lacking}; give the path of a Python file, or the name of a sweep that `atlas sweep` lists.")
    with imports_beside(path), _script_arguments(path, arguments), begun_sweeps() as begun:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except AtlasError:
            raise
        except Exception as error:  # the user's code may raise anything
            if begun:
                raise
            raise UserError(f"{path} cannot be run: {own_failure(error)}.") from error
    if not begun:
        raise UserError(f"{path} runs no sweep; end it with: main(SWEEP), where main is that of atlas.sweep.")


@contextmanager
def _script_arguments(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Within it, a script that is run here sees its own command line instead of this process's."""
    kept = sys.argv
    sys.argv = [str(path), *arguments]
    try:
        yield
    finally:
        sys.argv = kept


def _check(path: Path) -> None:
    """Refuse to run another program's file, such as a notebook launcher that was recorded as the file of a run."""
    try:
        tree = ast.parse(path.read_text())
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path} is not a readable Python file: {error}") from error
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    if not any(name == "atlas" or name.startswith("atlas.sweep") for name in imported):
        raise UserError(f"{path} imports nothing of atlas.sweep, so it defines no sweep.")
