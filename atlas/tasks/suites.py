"""Suites: benchmarks of the field, each a named list of tasks with the orders in which it is published.

To add one: one entry of SUITES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from atlas.runtime.errors import unknown
from atlas.runtime.text import counted
from atlas.tasks.published.coin import COIN as COIN_TASKS
from atlas.tasks.published.trigap import TRIGAP as TRIGAP_TASKS
from atlas.tasks.published.ucit import UCIT as UCIT_TASKS
from atlas.tasks.published.vqacl import VQACL as QUESTION_TYPES
from atlas.tasks.published.xtail import XTAIL as FEW_SHOT

TWIN = "-twin"
Order = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A benchmark: its tasks, and its published orders of them by their names.

    about: the benchmark and its paper, in a line. note: what here differs from its protocol, for the plan of a sweep.
    scored_ahead: its figures take scores of tasks that are still to come. one_label_space: a model is not told the
    task of a picture.
    """

    name: str
    about: str
    orders: Mapping[str, Order]
    note: str = ""
    scored_ahead: bool = False
    one_label_space: bool = False

    @property
    def tasks(self) -> Order:
        """The tasks, in the first of the orders."""
        return next(iter(self.orders.values()))

    def in_words(self) -> str:
        """The suite in a line, with the names of its orders, and what differs here from its protocol."""
        orders = f"orders {', '.join(self.orders)}" if len(self.orders) > 1 else f"order {', '.join(self.orders)}"
        return f"{self.name}: {self.about} {counted(len(self.tasks), 'task')}, {orders}. {self.note}".strip()

    def order(self, name: str, tasks: Order) -> Order:
        """The order of that name, of those of the suite's tasks that are taken. Raises UserError for an unknown one."""
        if name not in self.orders:
            raise unknown(f"order of the suite {self.name}", name, self.orders)
        return tuple(task for task in self.orders[name] if task in tasks)

    def among(self, tasks: Order) -> Order:
        """These tasks. Raises UserError for one that is not of the suite."""
        for task in tasks:
            if task not in self.tasks:
                raise unknown(f"task of the suite {self.name}", task, self.tasks)
        return tasks

    def twin(self) -> Suite:
        """The same suite over the generated twins of its tasks."""
        return replace(
            self,
            name=f"{self.name}{TWIN}",
            about=f"{self.about} Generated twins.",
            orders={name: tuple(f"{task}{TWIN}" for task in order) for name, order in self.orders.items()},
        )


MTIL = Suite(
    name="mtil",
    about="Eleven data sets of pictures, one after another (MTIL; Zheng et al., 2023, arXiv:2303.06628).",
    orders={
        "I": (
            *("aircraft", "caltech101", "cifar100", "dtd", "eurosat", "flowers102", "food101", "mnist"),
            *("oxford-pets", "stanford-cars", "sun397"),
        ),
        "II": (
            *("stanford-cars", "food101", "mnist", "oxford-pets", "flowers102", "sun397", "aircraft", "caltech101"),
            *("dtd", "eurosat", "cifar100"),
        ),
    },
    scored_ahead=True,
)
XTAIL = Suite(
    name="xtail",
    about="Ten of MTIL's data sets from 16 pictures a class (X-TAIL; Xu et al., 2024, arXiv:2406.18868).",
    orders={"I": tuple(FEW_SHOT)},
    note="Its one label space over all tasks (route free) takes --readout similarity; with a head, a task has its own "
    "classes.",
    scored_ahead=True,
    one_label_space=True,
)
VQACL = Suite(
    name="vqacl",
    about="VQA v2's questions, a type a task (VQACL; Zhang et al., 2023, CVPR).",
    orders={"published": tuple(QUESTION_TYPES)},
    note="Its groups of objects within a type (G1 to G5) are not walked: a task has all of its images.",
)
COIN = Suite(
    name="coin",
    about="Eight tasks of instructions, answered in words (CoIN; Chen et al., 2024, arXiv:2403.08350).",
    orders={
        "published": tuple(COIN_TASKS),
        "alphabet": (
            *("coin-gqa", "coin-grounding", "coin-imagenet", "coin-ocrvqa", "coin-scienceqa", "coin-textvqa"),
            *("coin-vizwiz", "coin-vqav2"),
        ),
    },
)
UCIT = Suite(
    name="ucit",
    about="Six tasks of instructions that LLaVA was not trained on (UCIT; Guo et al., 2025, arXiv:2503.12941).",
    orders={"published": tuple(UCIT_TASKS)},
    note="Captions are scored by CIDEr-D alone, 0 to 100.",
)
DCL = Suite(
    name="mllm-dcl",
    about="Five domains of instructions, one after another (MLLM-CL; Zhao et al., 2025).",
    orders={"published": ("dcl-rs", "dcl-med", "dcl-ad", "dcl-sci", "dcl-fin")},
    note="Science is scored by containment, its own rule by kinds of images.",
)
ACL = Suite(
    name="mllm-acl",
    about="Four abilities of models that see, one after another (MLLM-CL; Zhao et al., 2025).",
    orders={"published": ("acl-ocr", "acl-math", "acl-vp", "acl-app")},
    note="Mathematics and apps are scored by containment, the published figures by a paid model.",
)
TRIGAP = Suite(
    name="trigap",
    about="Ten data sets of questions about images (TriGap; Xie et al., 2026, arXiv:2602.01990).",
    orders={"published": tuple(TRIGAP_TASKS)},
    note="The order is that of its authors' code.",
)
COIN_TWIN = Suite(
    name=f"coin{TWIN}",
    about="Four tasks of instructions about generated scenes: a word, a name, a box and a caption.",
    orders={"published": ("coin-vqav2-twin", "coin-imagenet-twin", "coin-grounding-twin", "ucit-flickr30k-twin")},
)
_TWINNED = (MTIL, XTAIL, VQACL)
_INSTRUCTIONS = (COIN, UCIT, DCL, ACL, TRIGAP, COIN_TWIN)
SUITES: dict[str, Suite] = {
    **{one.name: one for suite in _TWINNED for one in (suite, suite.twin())},
    **{suite.name: suite for suite in _INSTRUCTIONS},
}


def find_suite(name: str) -> Suite:
    """The suite of that name. Raises UserError that names the nearest known one."""
    if name not in SUITES:
        raise unknown("suite", name, SUITES)
    return SUITES[name]


def twin_suite(name: str) -> str:
    """The name of a suite's generated twin; a twin is its own. Raises UserError for a suite that has none."""
    return find_suite(name if name.endswith(TWIN) else f"{name}{TWIN}").name
