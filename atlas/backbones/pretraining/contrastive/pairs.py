"""Batches for contrastive pre-training: images with captions, and images with one right text among several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor

from atlas.backbones.pretraining.contrastive.tokens import MAX_TOKENS, PAD, build_tokenizer
from atlas.backbones.pretraining.curriculum import NONE
from atlas.backbones.pretraining.examples import wrong_answer
from atlas.backbones.pretraining.images import ImageSet
from atlas.backbones.pretraining.questions import question
from atlas.backbones.pretraining.statements import caption, statement
from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import NUMBERS

CHOICES = 3  # texts that compete for one image
DIGITS = 0.15  # the share of drawn digits among the captioned images
STATEMENTS = 0.4  # the share of statements among the texts that compete, the rest are answered questions
DIGIT_FORMS = ("a photo of a {} .", "a photo of the digit {} .", "this is an image . {}", "the digit {} .", "{}")
SHAPE_FORMS = ("a photo of a {} .", "there is a {} .", "this is an image . {}", "a {} .", "{}")


@dataclass(frozen=True, kw_only=True)
class ContrastiveBatch:
    """pixels uint8 [B, 3, S, S] of B captioned images, and tokens [B, L] of their captions; `same` bool [B, B]: equal
    captions. Of B further images, choice_pixels and choice_tokens [B, CHOICES, L], of which the first text is right.
    patches [2 B, P, 3]: what the patches of all images show, as numbers in PARTS, NONE for digits."""

    pixels: Tensor
    tokens: Tensor
    same: Tensor
    choice_pixels: Tensor
    choice_tokens: Tensor
    patches: Tensor


class Pairs:
    """Draws batches of images with texts. The draw depends on the seed and the number of earlier draws alone."""

    def __init__(self, images: ImageSet, *, seed: int, size: int) -> None:
        self.images, self.size = images, size
        self.rng = Random(f"pairs {seed}")
        self.tokenizer = build_tokenizer()
        self.pixels = torch.from_numpy(images.pixels)
        shown = torch.from_numpy(images.patches)
        unknown = shown.new_full((len(images.digits), *shown.shape[1:]), NONE)
        self.patches = torch.cat([shown, unknown])

    def batch(self) -> ContrastiveBatch:
        """The next batch."""
        captioned = [self._captioned() for _ in range(self.size)]
        asked = [self._asked() for _ in range(self.size)]
        texts = [text for _, text in captioned]
        choices = [text for _, choices in asked for text in choices]
        numbers, others = [number for number, _ in captioned], [number for number, _ in asked]
        return ContrastiveBatch(
            pixels=self.pixels[numbers],
            tokens=encode(self.tokenizer, texts),
            same=torch.tensor([[one == other for other in texts] for one in texts]),
            choice_pixels=self.pixels[others],
            choice_tokens=encode(self.tokenizer, choices).unflatten(0, (self.size, CHOICES)),
            patches=self.patches[numbers + others],
        )

    def _captioned(self) -> tuple[int, str]:
        """An image's number and its caption."""
        rng, scenes = self.rng, self.images.scenes
        if rng.random() < DIGITS:
            j = rng.randrange(len(self.images.digits))
            digit = self.images.digits[j]
            return len(scenes) + j, rng.choice(DIGIT_FORMS).format(rng.choice((NUMBERS[digit], str(digit))))
        i = rng.randrange(len(scenes))
        return i, caption_of(rng, scenes[i])

    def _asked(self) -> tuple[int, list[str]]:
        """An image's number and its texts, the right one first."""
        i = self.rng.randrange(len(self.images.scenes))
        return i, competing(self.rng, self.images.scenes[i])


def caption_of(rng: Random, scene: Scene) -> str:
    """A caption of the whole scene; of a single shape mostly in the words of a class."""
    if len(scene.shapes) > 1 or rng.random() < 0.2:
        return caption(scene)
    (seen,) = scene.shapes
    thing = rng.choice((f"{seen.color} {seen.shape}", f"{seen.texture} {seen.color} {seen.shape}"))
    return rng.choice(SHAPE_FORMS).format(thing)


def competing(rng: Random, scene: Scene) -> list[str]:
    """CHOICES texts of one form about a scene, of which the first is right."""
    if rng.random() < STATEMENTS:
        right, *wrong = (statement(rng, scene, truth=truth) for truth in (True, False, False))
        said = [(right, "true"), (wrong[0], "true"), (right, "false")]
        if rng.random() < 0.5:
            said = [(wrong[0], "false"), (right, "false"), (wrong[0], "true")]
        return [f"{text} {verdict}" for text, verdict in said]
    asked, answer = question(rng, scene)
    wrong = [wrong_answer(rng, answer) for _ in range(CHOICES - 1)]
    return [f"{asked} {one}" for one in (answer, *wrong)]


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """The tokens of texts, [N, L], padded to the longest and cut to MAX_TOKENS with their end-of-text kept."""
    rows = [one.ids for one in tokenizer.encode_batch(list(texts))]
    length = min(MAX_TOKENS, max(map(len, rows)))
    cut = [row if len(row) <= length else [*row[: length - 1], row[-1]] for row in rows]
    return torch.tensor([row + [PAD] * (length - len(row)) for row in cut])
