"""Pre-training examples of `vilt-tiny`: sentences about generated scenes, with answers and masked words.

An example's `answer`, if any, is predicted from the pooled output; its masked words where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from atlas.backbones.pretraining.questions import ask_same, question
from atlas.backbones.pretraining.statements import PLACES, caption, statement, unknown
from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import COLORS, COLUMNS, NUMBERS, ROWS, SHAPES, SIZES, TEXTURES

NO_TEXT = "this is an image ."
VERDICTS = ("true", "false", "unknown")
ANSWERS = (
    *("yes", "no", *VERDICTS, "right", "wrong"),
    *(*COLORS, "white", *SHAPES, *TEXTURES, *SIZES, *ROWS, "left", *NUMBERS),  # "right" is there already
)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A text, its `answer` (one of ANSWERS, or None), and `masked`, the share of its words to mask."""

    text: str
    answer: str | None = None
    masked: float = 0.0


def dense(rng: Random, scene: Scene) -> Example:
    """A caption with most words masked, for which the patches have to be recognised."""
    if rng.random() < 0.2:
        text = " , ".join(_texture(scene, row, column) for row, column in PLACES) + " ."
        return Example(text=text, masked=0.8)
    return Example(text=caption(scene), masked=0.8)


def ask(rng: Random, scene: Scene) -> Example:
    """A question for the pooled output."""
    same = ask_same(rng, scene) if rng.random() < 0.1 else None
    text, answer = same or question(rng, scene)
    return Example(text=text, answer=answer)


def judge(rng: Random, scene: Scene) -> Example:
    """A statement that is true, false, or cannot be known."""
    verdict = rng.choices(VERDICTS, (0.43, 0.43, 0.14))[0]
    if verdict == "unknown":
        return Example(text=unknown(rng, scene), answer=verdict)
    truth = verdict == "true"
    text = statement(rng, scene, truth=truth)
    if rng.random() < 0.1:  # two statements, of which the other is true if this one decides
        other = statement(rng, scene, truth=truth or rng.random() < 0.5)
        text = f"{text[:-2]} and {other}"
    return Example(text=text, answer=verdict)


def choose(rng: Random, scene: Scene) -> Example:
    """A question followed by a right or a wrong answer."""
    text, answer = question(rng, scene)
    if rng.random() < 0.5:
        return Example(text=f"{text} {answer} .", answer="right")
    return Example(text=f"{text} {wrong_answer(rng, answer)} .", answer="wrong")


def wrong_answer(rng: Random, answer: str) -> str:
    """Another answer of the same kind."""
    kinds = (COLORS, SHAPES, TEXTURES, SIZES, ROWS, COLUMNS, NUMBERS[:5], ("yes", "no"), (*COLORS, "white"))
    kind = next(kind for kind in kinds if answer in kind)
    return rng.choice([word for word in kind if word != answer])


def _texture(scene: Scene, row: str, column: str) -> str:
    found = scene.at(row, column)
    return f"{found.size} {found.texture}" if found else "no shape"
