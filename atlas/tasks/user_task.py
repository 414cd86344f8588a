"""User-defined tasks: a Python file and the name of the Task in it, written `my_task.py:TASK`.

The driver alone needs the file: workers read prepared data, and those that prepare it get the modules beside the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from atlas.runtime.carried_modules import CarriedModules, carried_modules
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.names import check_task_name
from atlas.runtime.user_code import run_file
from atlas.tasks.scoring import RECALL_SCORES, TEXT_SCORES
from atlas.tasks.task import ClassScoring, Task

USER_TASKS: dict[str, tuple[str, Task]] = {}  # the loaded ones: name -> absolute address, task


def load_user_task(address: str, *, taken: Iterable[str]) -> Task:
    """Run the file, and register its task by the task's own name.

    Raises UserError where there is no such file or Task, the file fails, or the name is `taken` or cannot be one.
    """
    found = run_file(address, what="task", kind="Task", fits=lambda value, _: isinstance(value, Task))
    task: Task = found.value
    check_task_name(task.name)
    _check_fields(task)
    if task.name in taken or (task.name in USER_TASKS and USER_TASKS[task.name][0] != found.address):
        raise UserError(f"{address}: another task has the name {task.name!r}; give this one another.")
    USER_TASKS[task.name] = found.address, task
    return task


def _check_fields(task: Task) -> None:
    """Raises UserError for fields of a type or size that nothing could be made of: Python checks none."""
    if isinstance(task.answers, str) or not isinstance(task.answers, Sequence):
        raise UserError(
            f"{task.name}: its answers are a {type(task.answers).__name__}, {task.answers!r:.60}; give a tuple, "
            f'such as ("no", "yes").'
        )
    if isinstance(task.version, bool) or not isinstance(task.version, int):
        raise UserError(f"{task.name}: its version is {task.version!r:.60}; give a whole number.")
    known = (*get_args(ClassScoring), *TEXT_SCORES, *RECALL_SCORES)
    if task.score not in known:
        raise UserError(f"{task.name}: {unknown('score', str(task.score), known)}")
    for template in task.templates:
        if not isinstance(template, str) or template.count("{}") != 1:
            raise UserError(
                f"{task.name}: its template is {template!r:.60}; give a text with one {{}} for the name of the class, "
                f'such as "a photo of a {{}}.".'
            )
    chance: object = task.chance
    if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance <= 100:
        raise UserError(
            f"{task.name}: its chance is {chance!r:.60}; give the percentage that guessing scores, 0 to 100."
        )


def carried_by_task(name: str) -> CarriedModules:
    """The modules beside a user-defined task's file, for processes that have not the file; none for another's name."""
    address = task_address(name).rpartition(":")[0]
    return carried_modules(Path(address)) if address else CarriedModules({})


def task_address(name: str) -> str:
    """The address of a user-defined task, by which another process loads it; any other's name."""
    return USER_TASKS[name][0] if name in USER_TASKS else name
