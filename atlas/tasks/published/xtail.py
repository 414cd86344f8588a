"""X-TAIL: ten of MTIL's data sets, 16 pictures a class, in one label space (RAIL, Xu et al., 2024, arXiv:2406.18868)

CIFAR-100 is left out, as its pictures are of what others show, too.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from atlas.tasks.published.aircraft import AIRCRAFT
from atlas.tasks.published.caltech101 import CALTECH101
from atlas.tasks.published.dtd import DTD
from atlas.tasks.published.eurosat import EUROSAT
from atlas.tasks.published.flowers102 import FLOWERS102
from atlas.tasks.published.food101 import FOOD101
from atlas.tasks.published.mnist import MNIST
from atlas.tasks.published.oxford_pets import OXFORD_PETS
from atlas.tasks.published.stanford_cars import STANFORD_CARS
from atlas.tasks.published.sun397 import SUN397
from atlas.tasks.sample import Broken, Label, Record
from atlas.tasks.task import Task

PREFIX = "xtail-"
SHOTS: Mapping[str, int] = {"train": 16, "val": 4}  # pictures a class; CoOp takes as few for selection
TEMPLATES = ("a photo of a {}.",)  # the same for all, since the task is not known
Reader = Callable[[str, Path | None], Iterator[Record | Broken]]


def read_few(split: str, source: Path | None, *, read: Reader) -> Iterator[Record | Broken]:
    """The first pictures of each class, which the reader has shuffled by their names; all of `test`."""
    taken: Counter[Label] = Counter()
    most = SHOTS.get(split)
    for one in read(split, source):
        if not isinstance(one, Record) or most is None:
            yield one
        elif taken[one.label] < most:
            taken[one.label] += 1
            yield one


def few_shot_task(task: Task, name: str) -> Task:
    """The task under that name, from 16 pictures a class."""
    return replace(
        task,
        name=name,
        title=f"{task.title}, 16 shots",
        about=f"{task.about} 16 training pictures a class.",
        read=functools.partial(read_few, read=task.read),
        templates=TEMPLATES if task.layout is not None else task.templates,
        published=(),
        split_note=f"{task.split_note} train and val are the first 16 and 4 pictures of each class.",
    )


_TEN = (AIRCRAFT, CALTECH101, DTD, EUROSAT, FLOWERS102, FOOD101, MNIST, OXFORD_PETS, STANFORD_CARS, SUN397)
XTAIL: dict[str, Task] = {name: few_shot_task(task, name) for task in _TEN for name in (f"{PREFIX}{task.name}",)}
