"""Modules beside a user's file: they can be imported as `python FILE` imports them, count as parts of the file, and
travel with its functions and classes to other processes and nodes.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atlas.runtime.digest import file_sha256, text_sha256
from atlas.runtime.errors import UserError

_beside: dict[str, Path] = {}  # the modules of users' files by name: the file or the folder of each


@contextmanager
def imports_beside(path: Path) -> Iterator[None]:
    """Within it, modules beside the file can be imported. Raises UserError as `keep_modules`."""
    folder = str(path.resolve().parent)
    keep_modules(path)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def import_later(path: Path) -> None:
    """From now on, modules beside the file can be imported, as its functions may do when called, after all others."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)


def modules_beside(path: Path) -> dict[str, Path]:
    """Name → file (or folder) of the modules beside `path` that it imports, and that these import, at any depth."""
    found: dict[str, Path] = {}
    folder, waiting = path.resolve().parent, [path]
    while waiting:
        for name in _imported(waiting.pop()) - found.keys():
            if (module := _module(folder, name)) is not None and module != path.resolve():
                found[name] = module
                waiting += files_of(module)
    return dict(sorted(found.items()))


def digest_with_modules(path: Path) -> str:
    """The sha256 of a file; of it and the modules beside it that it imports, where there are any."""
    modules, folder = modules_beside(path), path.resolve().parent
    files = [file for module in modules.values() for file in files_of(module)]
    if not files:
        return file_sha256(path)
    lines = [f"{file.relative_to(folder).as_posix()} {file_sha256(file)}\n" for file in sorted(files)]
    return text_sha256(f"{file_sha256(path)}\n{''.join(lines)}")


def pickle_modules_by_value() -> None:
    """Let Ray send the functions and classes of users' modules themselves, which other nodes cannot import."""
    from ray import cloudpickle

    for name in _beside.keys() & sys.modules.keys():
        cloudpickle.register_pickle_by_value(sys.modules[name])


def keep_modules(path: Path) -> None:
    """Count the modules beside a user's file as users'.

    Raises UserError where another user's file has brought a module of the same name and other content.
    """
    for name, module in modules_beside(path).items():
        other = _beside.setdefault(name, module)
        if other.exists() and _content(other) != _content(module):
            raise UserError(f"{path} imports {module}, but {other} is imported already as {name!r}; rename one.")


def _module(folder: Path, name: str) -> Path | None:
    """The module of that name in the folder; None for one of the standard library or of atlas, which come first."""
    if name in sys.stdlib_module_names or name == "atlas":
        return None
    if (folder / f"{name}.py").is_file():
        return folder / f"{name}.py"
    return folder / name if (folder / name / "__init__.py").is_file() else None


def _content(module: Path) -> list[tuple[str, str]]:
    return [(file.relative_to(module.parent).as_posix(), file_sha256(file)) for file in files_of(module)]


def files_of(module: Path) -> list[Path]:
    """The Python files of a module or a package."""
    return [module] if module.is_file() else sorted(module.rglob("*.py"))


def _imported(file: Path) -> set[str]:
    """The first parts of the names that a file imports; none where it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return set()
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names} - {""}
