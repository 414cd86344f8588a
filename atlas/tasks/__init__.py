"""The tasks. To add one: write its file, add one line to TASKS; a user-defined one needs neither (`find_task`)."""

from __future__ import annotations

from atlas.runtime.errors import UserError, unknown
from atlas.runtime.user_code import is_address
from atlas.tasks.conversations import conversation_task
from atlas.tasks.offline.digits import DIGITS
from atlas.tasks.offline.easy_pair import EASY_PAIR
from atlas.tasks.offline.easy_ve import EASY_VE
from atlas.tasks.offline.easy_vqa import EASY_VQA
from atlas.tasks.published.aircraft import AIRCRAFT
from atlas.tasks.published.caltech101 import CALTECH101
from atlas.tasks.published.captions import CAPTIONS, caption_task
from atlas.tasks.published.cifar100 import CIFAR100
from atlas.tasks.published.coin import COIN
from atlas.tasks.published.commonsense_qa import COMMONSENSE_QA
from atlas.tasks.published.dtd import DTD
from atlas.tasks.published.eurosat import EUROSAT
from atlas.tasks.published.flowers102 import FLOWERS102
from atlas.tasks.published.food101 import FOOD101
from atlas.tasks.published.inaturalist import INATURALIST
from atlas.tasks.published.mllm_cl import MLLM_CL
from atlas.tasks.published.mnist import MNIST
from atlas.tasks.published.nlvr2 import NLVR2
from atlas.tasks.published.oxford_pets import OXFORD_PETS
from atlas.tasks.published.piqa import PIQA
from atlas.tasks.published.places365 import PLACES365
from atlas.tasks.published.snli_ve import SNLI_VE
from atlas.tasks.published.stanford_cars import STANFORD_CARS
from atlas.tasks.published.sun397 import SUN397
from atlas.tasks.published.trigap import TRIGAP
from atlas.tasks.published.ucit import UCIT
from atlas.tasks.published.vcr import VCR, VCR_MARKED
from atlas.tasks.published.vqa import VQA
from atlas.tasks.published.vqacl import VQACL
from atlas.tasks.published.xtail import PREFIX, XTAIL, few_shot_task
from atlas.tasks.reading.choices import choice_text
from atlas.tasks.reading.files import csv_lines, picture
from atlas.tasks.reading.folders import folder_digest
from atlas.tasks.reading.layout import Layout
from atlas.tasks.reading.records import class_of
from atlas.tasks.reading.splits import deal, split_of
from atlas.tasks.sample import NO_TEXT, SPLITS, Broken, Label, Picture, Record, Skipped
from atlas.tasks.task import Task
from atlas.tasks.twins import TWINS, Sizes
from atlas.tasks.twins.captions import CAPTION_TWINS
from atlas.tasks.twins.captions import SIZES as CAPTIONED
from atlas.tasks.twins.instructions import INSTRUCTION_TWINS
from atlas.tasks.twins.instructions import SIZES as INSTRUCTIONS
from atlas.tasks.twins.mtil import IMAGE_TWINS, SIZES
from atlas.tasks.twins.vqacl import SIZES as QUESTIONS
from atlas.tasks.twins.vqacl import VQACL_TWINS
from atlas.tasks.user_task import USER_TASKS, load_user_task, task_address

TWIN = "-twin"
TASKS: dict[str, Task] = {
    "easy-vqa": EASY_VQA,
    "easy-ve": EASY_VE,
    "easy-pair": EASY_PAIR,
    "digits": DIGITS,
    "snli-ve": SNLI_VE,
    "piqa": PIQA,
    "inaturalist": INATURALIST,
    "vqa": VQA,
    "vcr": VCR,
    "vcr-marked": VCR_MARKED,
    "commonsense-qa": COMMONSENSE_QA,
    "places365": PLACES365,
    "nlvr2": NLVR2,
    "aircraft": AIRCRAFT,
    "caltech101": CALTECH101,
    "cifar100": CIFAR100,
    "dtd": DTD,
    "eurosat": EUROSAT,
    "flowers102": FLOWERS102,
    "food101": FOOD101,
    "mnist": MNIST,
    "oxford-pets": OXFORD_PETS,
    "stanford-cars": STANFORD_CARS,
    "sun397": SUN397,
    **{name: twin.make(Sizes()) for name, twin in TWINS.items()},
    **{name: twin.make(SIZES) for name, twin in IMAGE_TWINS.items()},
    **XTAIL,
    **VQACL,
    **{name: twin.make(QUESTIONS) for name, twin in VQACL_TWINS.items()},
    **COIN,
    **UCIT,
    **MLLM_CL,
    **TRIGAP,
    **{name: twin.make(INSTRUCTIONS) for name, twin in INSTRUCTION_TWINS.items()},
    **CAPTIONS,
    **{name: twin.make(CAPTIONED) for name, twin in CAPTION_TWINS.items()},
    **{
        name: few_shot_task(twin.make(SIZES), name)
        for twin in IMAGE_TWINS.values()
        for name in (f"{PREFIX}{twin.task}",)
        if name.removesuffix(TWIN) in XTAIL
    },
}


def find_task(name: str) -> Task:
    """The task of that name, or a user-defined one at an address `my_task.py:TASK`, then known by its name too.

    Raises UserError that names the nearest known one.
    """
    if is_address(name):
        return load_user_task(name, taken=TASKS)
    known = TASKS | {user: task for user, (_, task) in USER_TASKS.items()}
    if name not in known and ":" in name:
        raise UserError(f"{name!r} is no address of a task of your own; give FILE.py:NAME, such as my_task.py:TASK.")
    if name not in known:
        raise unknown("task", name, known)
    return known[name]


def check_needs_files(task: Task) -> None:
    """Raises UserError for a task of the catalogue that reads no files: a folder named for it would be unused."""
    if task.layout is None and TASKS.get(task.name) is task:
        raise UserError(
            f"--source names a folder for {task.name}, which reads none: it is generated, or comes with a package; "
            f"leave its source out."
        )


def twin_of(name: str) -> str:
    """The name of a task's generated twin; a twin is its own. Raises UserError for a task that has none."""
    if name.endswith(TWIN):
        return find_task(name).name
    if name + TWIN not in TASKS:
        raise unknown("twin", name + TWIN, [known for known in TASKS if known.endswith(TWIN)])
    return name + TWIN


__all__ = [
    "NO_TEXT",
    "SPLITS",
    "TASKS",
    "Broken",
    "Label",
    "Layout",
    "Picture",
    "Record",
    "Skipped",
    "Task",
    "task_address",
    "caption_task",
    "check_needs_files",
    "choice_text",
    "class_of",
    "conversation_task",
    "csv_lines",
    "deal",
    "find_task",
    "folder_digest",
    "picture",
    "split_of",
    "twin_of",
]
