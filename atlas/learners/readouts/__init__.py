"""The readouts, by name. To add one: a file with a class of `Readout`, a line in READOUTS, and its answers in ANSWERS.

Thin: a readout's module is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import by_number
from atlas.tasks.task import AnswerKind, kind_in_words

if TYPE_CHECKING:
    from atlas.learners.readouts.readout import Readout

HEAD = "head"  # the readout of a step that names none
SIMILARITY = "similarity"
LIKELIHOOD = "likelihood"
MEAN_LIKELIHOOD = "mean-likelihood"
GENERATION = "generation"
RIDGE = "ridge"
RIDGE_SIMILARITY = "ridge-similarity"
PROMPTED_HEAD = "prompted-head"
PROMPTED_SIMILARITY = "prompted-similarity"
ROUTED_HEAD = "routed-head"
ROUTED_SIMILARITY = "routed-similarity"
COMPARING = (
    SIMILARITY,
    RIDGE_SIMILARITY,
    PROMPTED_SIMILARITY,
    ROUTED_SIMILARITY,
)  # pictures with the names of classes, in a task's templates
WORDED = (LIKELIHOOD, MEAN_LIKELIHOOD, GENERATION)  # without parameters

READOUTS: dict[str, str] = {
    HEAD: "atlas.learners.readouts.head:Head",
    SIMILARITY: "atlas.learners.readouts.similarity:Similarity",
    LIKELIHOOD: "atlas.learners.readouts.likelihood:Likelihood",
    MEAN_LIKELIHOOD: "atlas.learners.readouts.likelihood:MeanLikelihood",
    GENERATION: "atlas.learners.readouts.generation:Generation",
}

GIVEN: dict[str, str] = {  # to tasks by their learner, and no choice of a user
    RIDGE: "atlas.learners.readouts.ridge:Ridge",
    RIDGE_SIMILARITY: "atlas.learners.readouts.ridge:FusedRidge",
    PROMPTED_HEAD: "atlas.learners.readouts.prompted:PromptedHead",
    PROMPTED_SIMILARITY: "atlas.learners.readouts.prompted:PromptedSimilarity",
    ROUTED_HEAD: "atlas.learners.readouts.routed:RoutedHead",
    ROUTED_SIMILARITY: "atlas.learners.readouts.routed:RoutedSimilarity",
}

CLASSES: tuple[AnswerKind, ...] = ("classes", "choices", "soft")
ANSWERS: dict[str, tuple[AnswerKind, ...]] = {  # what each can give
    HEAD: CLASSES,
    SIMILARITY: (*CLASSES, "captions"),
    LIKELIHOOD: CLASSES,
    MEAN_LIKELIHOOD: CLASSES,
    GENERATION: ("classes", "soft", "texts", "box"),
}


def check_answers(readout: str, tasks: Mapping[str, AnswerKind]) -> None:
    """Raises UserError where the readout cannot give the kind of answer of one of the tasks."""
    cannot = {task: kind for task, kind in tasks.items() if kind not in ANSWERS[readout]}
    if not cannot:
        return
    wanted = dict.fromkeys(kind_in_words(kind, classes=0, choices=0) for kind in cannot.values())
    able = [name for name, kinds in ANSWERS.items() if set(cannot.values()) <= set(kinds)]
    writing = "captions" in cannot.values() and readout in WORDED
    remedy = f"give --readout {' or '.join(able)} and a backbone that allows it" if able else "no readout gives them"
    remedy += ", score captions by cider, so that a model writes them" if writing else ""
    raise UserError(
        f"the readout {readout!r} cannot answer {', '.join(cannot)}, whose answers are {' and '.join(wanted)}: "
        f"{remedy}, or leave {by_number(len(cannot), 'it', 'them')} out of the tasks."
    )


def find_readout(name: str) -> type[Readout]:
    """The readout of that name. Raises UserError that names the nearest known one."""
    known = READOUTS | GIVEN
    if name not in known:
        raise unknown("readout", name, READOUTS)
    module, _, kind = known[name].partition(":")
    found: type[Readout] = getattr(import_module(module), kind)
    return found
