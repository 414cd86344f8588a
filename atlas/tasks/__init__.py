"""The tasks. To add one: write its file, add one line to TASKS."""

from __future__ import annotations

from atlas.errors import unknown
from atlas.tasks.commonsense_qa import COMMONSENSE_QA
from atlas.tasks.digits import DIGITS
from atlas.tasks.easy import EASY_VQA
from atlas.tasks.entailment import EASY_VE
from atlas.tasks.inaturalist import INATURALIST
from atlas.tasks.pairs import EASY_PAIR
from atlas.tasks.piqa import PIQA
from atlas.tasks.places365 import PLACES365
from atlas.tasks.task import NO_TEXT, SPLITS, Label, Picture, Record, Task
from atlas.tasks.twins import PIQA_TWIN

TASKS: dict[str, Task] = {
    "easy-vqa": EASY_VQA,
    "easy-ve": EASY_VE,
    "easy-pair": EASY_PAIR,
    "digits": DIGITS,
    "piqa-twin": PIQA_TWIN,
    "piqa": PIQA,
    "inaturalist": INATURALIST,
    "commonsense-qa": COMMONSENSE_QA,
    "places365": PLACES365,
}


def find_task(name: str) -> Task:
    """The task of that name. Raises AtlasError that names the nearest known one."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


__all__ = ["NO_TEXT", "SPLITS", "TASKS", "Label", "Picture", "Record", "Task", "find_task"]
