"""Turns of a conversation about generated images, or about none: a prompt and its answer in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from atlas.backbones.pretraining.examples import NO_TEXT, VERDICTS
from atlas.backbones.pretraining.generative.tokens import CHARACTERS, words
from atlas.backbones.pretraining.questions import Noun, noun, question
from atlas.backbones.pretraining.statements import caption, statement, unknown
from atlas.backbones.pretraining.text_examples import completion
from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import COLUMNS, NUMBERS

_FIGURES = {word: str(number) for number, word in enumerate(NUMBERS)}
_WORDS = words()
_CAPTION = ("describe the image .", "what is in each quadrant ?", "write a caption for the picture .")
_TELL = ("say something about the image .", "tell me one thing that is true .", "what can you see ?")
_NAME = (NO_TEXT, NO_TEXT, "what is this ?", "what does the image show ?", "name the shape .", "")
_DIGIT = (NO_TEXT, NO_TEXT, "what digit is this ?", "what number does the image show ?", "read the digit .", "")
_SAY = ("say {}", "repeat : {}", "copy this text : {}", "write {}")
_FOREIGN = tuple("éüñøßλд中°–’…×€")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A prompt and its answer. kind: of question, by which right answers are counted."""

    kind: str
    prompt: str
    answer: str


def ask(rng: Random, scene: Scene) -> Turn:
    """A question about the image. Numbers of shapes are answered in figures."""
    prompt, answer = question(rng, scene)
    return Turn(kind="ask", prompt=prompt, answer=_FIGURES.get(answer, answer))


def judge(rng: Random, scene: Scene) -> Turn:
    """A statement that is true, false, or cannot be known."""
    verdict = rng.choices(VERDICTS, (0.43, 0.43, 0.14))[0]
    said = unknown(rng, scene) if verdict == "unknown" else statement(rng, scene, truth=verdict == "true")
    prompt = said if rng.random() < 0.8 else f"{said} true , false or unknown ?"
    return Turn(kind="judge", prompt=prompt, answer=verdict)


def describe(rng: Random, scene: Scene) -> Turn:
    """The caption of the whole image."""
    return Turn(kind="describe", prompt=rng.choice(_CAPTION), answer=caption(scene))


def tell(rng: Random, scene: Scene) -> Turn:
    """A statement that is true; there are many, so that this one may differ."""
    return Turn(kind="tell", prompt=rng.choice(_TELL), answer=statement(rng, scene, truth=True))


def name(rng: Random, scene: Scene) -> Turn:
    """Colour and shape of the only shape; if nothing is asked, with its texture or without. Of several a question."""
    if len(scene.shapes) > 1:
        return ask(rng, scene)
    (seen,) = scene.shapes
    prompt, words = rng.choice(_NAME), f"{seen.color} {seen.shape}"
    if prompt not in (NO_TEXT, ""):
        return Turn(kind="name", prompt=prompt, answer=words)
    return Turn(kind="title", prompt=prompt, answer=words if rng.random() < 0.5 else f"{seen.texture} {words}")


def digit(rng: Random, shown: int) -> Turn:
    """The drawn digit."""
    return Turn(kind="digit", prompt=rng.choice(_DIGIT), answer=str(shown))


def text(rng: Random) -> Turn:
    """A text that is to be completed, or one that is to be repeated."""
    if rng.random() < 0.4:
        said = " ".join(_word(rng) for _ in range(rng.randint(1, 4)))
        return Turn(kind="say", prompt=rng.choice(_SAY).format(said), answer=said)
    prompt, answer = completion(rng)
    return Turn(kind="text", prompt=prompt, answer=answer)


def compare(rng: Random, left: Scene, right: Scene) -> Turn:
    """A question about two images."""
    makers = (_side, _side, _either, _alike, _more, _one_of_two)
    while True:
        turn = rng.choice(makers)(rng, left, right)
        if turn is not None:
            return Turn(kind="compare", prompt=turn[0], answer=turn[1])


ABOUT_SCENES: tuple[tuple[Callable[[Random, Scene], Turn], float], ...] = (
    (ask, 0.55),
    (judge, 0.29),
    (describe, 0.04),
    (tell, 0.04),
    (name, 0.08),
)


def about_scene(rng: Random, scene: Scene) -> Turn:
    """A turn about one scene."""
    (maker,) = rng.choices([maker for maker, _ in ABOUT_SCENES], [share for _, share in ABOUT_SCENES])
    return maker(rng, scene)


def _word(rng: Random) -> str:
    """A known word, a number, or characters."""
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(_WORDS)
    if kind < 0.75:
        return f"{rng.random():.2f}" if rng.random() < 0.5 else str(rng.randrange(1000))
    letters = CHARACTERS[:26] if kind < 0.95 else (*CHARACTERS, *_FOREIGN)
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, 7)))


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _noun(rng: Random, left: Scene, right: Scene) -> Noun:
    return noun(rng, rng.choice((left, right)), wrong=0.2)


def _side(rng: Random, left: Scene, right: Scene) -> tuple[str, str] | None:
    side, thing = rng.choice(COLUMNS), _noun(rng, left, right)
    form = rng.choice(("is there a {} in the {} image ?", "can you see a {} in the {} picture ?"))
    return form.format(thing.words(), side), _yes(thing.count(left if side == "left" else right) > 0)


def _either(rng: Random, left: Scene, right: Scene) -> tuple[str, str] | None:
    thing = _noun(rng, left, right)
    there = [thing.count(scene) > 0 for scene in (left, right)]
    if rng.random() < 0.5:
        return f"is there a {thing.words()} in both images ?", _yes(all(there))
    return f"is there a {thing.words()} in one of the images ?", _yes(any(there))


def _alike(rng: Random, left: Scene, right: Scene) -> tuple[str, str] | None:
    if len(left.shapes) > 1 or len(right.shapes) > 1:
        return None
    (one,), (two,) = left.shapes, right.shapes
    if rng.random() < 0.5:
        return "do both shapes have one color ?", _yes(one.color == two.color)
    return "is it one shape in both images ?", _yes(one.shape == two.shape)


def _more(rng: Random, left: Scene, right: Scene) -> tuple[str, str] | None:
    if len(left.shapes) == len(right.shapes):
        return None
    return "which image has more shapes , left or right ?", COLUMNS[len(left.shapes) < len(right.shapes)]


def _one_of_two(rng: Random, left: Scene, right: Scene) -> tuple[str, str] | None:
    side = rng.choice(COLUMNS)
    scene = left if side == "left" else right
    if len(scene.shapes) > 1:
        return f"how many shapes are in the {side} image ?", str(len(scene.shapes))
    (seen,) = scene.shapes
    if rng.random() < 0.5:
        return f"what color is the shape in the {side} image ?", seen.color
    return f"what shape is in the {side} image ?", seen.shape
