"""The tasks. To add one: write its file, add one line to TASKS."""

from __future__ import annotations

from atlas.errors import unknown
from atlas.tasks.digits import DIGITS
from atlas.tasks.easy import EASY_VQA
from atlas.tasks.entailment import EASY_VE
from atlas.tasks.pairs import EASY_PAIR
from atlas.tasks.task import NO_TEXT, SPLITS, Label, Picture, Record, Task
from atlas.tasks.twins import PIQA_TWIN

TWIN = "-twin"
TASKS: dict[str, Task] = {
    "easy-vqa": EASY_VQA,
    "easy-ve": EASY_VE,
    "easy-pair": EASY_PAIR,
    "digits": DIGITS,
    "piqa-twin": PIQA_TWIN,
}


def find_task(name: str) -> Task:
    """The task of that name. Raises AtlasError that names the nearest known one."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def twin_of(name: str) -> str:
    """The name of a task's generated twin; a twin is its own. Raises AtlasError for a task that has none."""
    if name.endswith(TWIN):
        return find_task(name).name
    if name + TWIN not in TASKS:
        raise unknown("twin", name + TWIN, [known for known in TASKS if known.endswith(TWIN)])
    return name + TWIN


__all__ = ["NO_TEXT", "SPLITS", "TASKS", "Label", "Picture", "Record", "Task", "find_task", "twin_of"]
