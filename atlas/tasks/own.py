"""Tasks that a user brings: a Python file and the name of the Task in it, written `mine.py:TASK`.

The driver alone needs the file: whoever trains reads prepared data.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterable
from pathlib import Path

from atlas.errors import AtlasError, unknown
from atlas.tasks.task import Task

SUFFIX = ".py"
OWN: dict[str, tuple[str, Task]] = {}  # the tasks brought to this process: name -> its absolute address, itself


def is_address(name: str) -> bool:
    """Whether it is `FILE.py:NAME` (or a file's name alone) instead of the name of a task."""
    return name.rpartition(":")[0].endswith(SUFFIX) or name.endswith(SUFFIX)


def bring(address: str, *, taken: Iterable[str]) -> Task:
    """Run the file, and know its task by the task's own name from now on.

    Raises AtlasError where there is no such file or Task, the file fails, or the name is `taken`.
    """
    file, _, name = address.rpartition(":")
    if not file.endswith(SUFFIX):
        raise AtlasError(f"{address} names no task in the file: write {address}:NAME, NAME being a Task in it.")
    path = Path(file).expanduser().resolve()
    task = _task_in(path, name)
    whole = f"{path}:{name}"
    if task.name in taken or (task.name in OWN and OWN[task.name][0] != whole):
        raise AtlasError(f"{address}: another task has the name {task.name!r}; give this one another.")
    OWN[task.name] = whole, task
    return task


def address_of(name: str) -> str:
    """By what another process finds the task: the address of one that was brought, else its name."""
    return OWN[name][0] if name in OWN else name


def _task_in(path: Path, name: str) -> Task:
    if not path.is_file():
        raise AtlasError(f"there is no file {path}; a task of your own is written FILE.py:NAME.")
    try:
        found = runpy.run_path(str(path), run_name=path.stem)
    except (Exception, SystemExit) as error:  # whatever the file raises
        raise AtlasError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    tasks = [key for key, value in found.items() if isinstance(value, Task)]
    if name not in tasks:
        raise unknown("task", name, tasks) if tasks else AtlasError(f"{path} holds no Task; see atlas.tasks.Task.")
    task: Task = found[name]
    return task
