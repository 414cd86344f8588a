"""The curriculum of `vilt-tiny`: batches of pre-training examples, mixed by kind and phase."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from atlas.backbones.pretraining import examples
from atlas.backbones.pretraining.examples import ANSWERS, NO_TEXT, Example
from atlas.backbones.pretraining.images import PARTS, SIDE, ImageSet, parts
from atlas.backbones.pretraining.questions import question
from atlas.backbones.pretraining.statements import PLACES, statement
from atlas.backbones.pretraining.text_examples import text_example
from atlas.backbones.pretraining.tokens import MASK, PAD, build_tokenizer
from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import NUMBERS

MAX_TOKENS = 28
NONE = -100  # PyTorch's `ignore_index`: no target here
HIDEABLE = frozenset((*ANSWERS, "shape", "shapes"))
# Kind of example -> its share: at first, and in the last phase, which is about matching images and sentences.
SHARES = {
    "dense": (0.12, 0.06),
    "glance": (0.08, 0.05),
    "ask": (0.28, 0.34),
    "judge": (0.24, 0.34),
    "choose": (0.06, 0.05),
    "read": (0.06, 0.03),
    "text": (0.08, 0.08),
    "digit": (0.08, 0.05),
}


@dataclass(frozen=True, kw_only=True)
class PretrainingBatch:
    """pixels uint8 [B, 3, S, S], tokens [B, L], mask bool [B, L], words [B, L] (the hidden tokens, else NONE),
    answers [B] (numbers in ANSWERS, else NONE), parts [B, 4, 3] and patches [B, P, 3] (numbers in PARTS by quadrant
    and by patch, else NONE)."""

    pixels: Tensor
    tokens: Tensor
    mask: Tensor
    words: Tensor
    answers: Tensor
    parts: Tensor
    patches: Tensor


class Curriculum:
    """Draws batches of examples. The draw depends on the seed and the number of earlier draws alone."""

    def __init__(self, images: ImageSet, *, seed: int, size: int) -> None:
        self.images, self.size = images, size
        self.rng = Random(f"course {seed}")
        self.tokenizer = build_tokenizer()
        self.hideable = {self.tokenizer.token_to_id(word) for word in HIDEABLE}
        self.pixels = torch.from_numpy(images.pixels)
        self.patches = torch.from_numpy(images.patches)
        self.blank = torch.full((3, SIDE, SIDE), 128, dtype=torch.uint8)

    def batch(self, *, last: bool = False) -> PretrainingBatch:
        """A mixture of kinds, that of the last phase or of the one before."""
        shares = [shares[last] for shares in SHARES.values()]
        return self.batch_of(self.rng.choices(list(SHARES), shares, k=self.size))

    def patch_batch(self) -> tuple[Tensor, Tensor]:
        """Images of scenes, uint8 [B, 3, S, S], and the content of their patches [B, P, 3]."""
        drawn = torch.tensor([self.rng.randrange(len(self.patches)) for _ in range(self.size)])
        return self.pixels[drawn], self.patches[drawn]

    def batch_of(self, kinds: list[str]) -> PretrainingBatch:
        """A batch of these kinds of example."""
        drawn = [self._draw(kind) for kind in kinds]
        encoded = self.tokenizer.encode_batch([example.text for _, example, _ in drawn])
        length = min(MAX_TOKENS, max(len(e.ids) for e in encoded))
        rows = [
            self._hide((e.ids + [PAD] * length)[:length], x.masked) for e, (_, x, _) in zip(encoded, drawn, strict=True)
        ]
        tokens, words = (torch.tensor([row[i] for row in rows]) for i in range(2))
        answers = [ANSWERS.index(example.answer) if example.answer else NONE for _, example, _ in drawn]
        return PretrainingBatch(
            pixels=torch.stack([self.blank if i is None else self.pixels[i] for i, _, _ in drawn]),
            tokens=tokens,
            mask=tokens != PAD,
            words=words,
            answers=torch.tensor(answers),
            parts=torch.tensor([seen for _, _, seen in drawn]),
            patches=torch.stack([self._patches(i) for i, _, _ in drawn]),
        )

    def _draw(self, kind: str) -> tuple[int | None, Example, list[list[int]]]:
        """An image's number (None: no image), its example, and the content of each quadrant."""
        rng, nothing = self.rng, [[NONE] * len(PARTS)] * 4
        if kind == "digit":
            j = rng.randrange(len(self.images.digits))
            answer = NUMBERS[self.images.digits[j]]
            return len(self.images.scenes) + j, Example(text=NO_TEXT, answer=answer), nothing
        if kind == "text":
            text, right = text_example(rng)
            return None, Example(text=text, answer="right" if right else "wrong"), nothing
        i = rng.randrange(len(self.images.scenes))
        scene = self.images.scenes[i]
        if kind == "glance":
            return i, Example(text=NO_TEXT), [parts(scene.at(*place)) for place in PLACES]
        maker = {
            "dense": examples.dense,
            "ask": examples.ask,
            "judge": examples.judge,
            "choose": examples.choose,
            "read": _read,
        }
        return i, maker[kind](rng, scene), nothing

    def _patches(self, i: int | None) -> Tensor:
        return self.patches[i] if i is not None and i < len(self.patches) else torch.full_like(self.patches[0], NONE)

    def _hide(self, ids: list[int], share: float) -> tuple[list[int], list[int]]:
        if not share:
            return ids, [NONE] * len(ids)
        hidden = [token in self.hideable and self.rng.random() < share for token in ids]
        masked = [MASK if h else token for h, token in zip(hidden, ids, strict=True)]
        return masked, [token if h else NONE for h, token in zip(hidden, ids, strict=True)]


def _read(rng: Random, scene: Scene) -> Example:
    """A true sentence with some words masked."""
    if rng.random() < 0.5:
        return Example(text=statement(rng, scene, truth=True), masked=0.4)
    text, answer = question(rng, scene)
    return Example(text=f"{text} {answer} .", masked=0.5)
