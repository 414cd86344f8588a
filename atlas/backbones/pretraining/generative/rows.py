"""Rows of turns: images and several turns about them, which do not see each other, as the arrays of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from atlas.backbones.pretraining.generative import turns
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.tokens import ASSISTANT, END, IMAGE, START, USER, build_tokenizer
from atlas.backbones.pretraining.generative.turns import Turn
from atlas.backbones.pretraining.images import PATCH, SIDE, scene_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PATCHES = (SIDE // PATCH) ** 2  # tokens an image
LENGTH = 72  # tokens a row
ROWS = {"scene": 0.72, "pair": 0.12, "digit": 0.08, "text": 0.08}  # kind of row -> its share
MARKS = (" ?", " .", " ,")


@dataclass(frozen=True, kw_only=True)
class TurnRow:
    """The numbers of its images, and turns about them."""

    images: tuple[int, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, kw_only=True)
class TurnBatch:
    """images int64 [N]: the numbers of those shown; starts int64 [N]: each one's first token in the flattened rows.
    tokens, positions int16 [B, L]; segments int8 [B, L]: 0 for what all turns see, then 1, 2 … a turn, -1 for padding.
    targets int64 [T]: the answers' tokens in the flattened rows; turn int64 [T]: each one's number among all turns."""

    images: np.ndarray
    starts: np.ndarray
    tokens: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    targets: np.ndarray
    turn: np.ndarray


def training_batch(plan: GenerativePlan, update: int) -> TurnBatch:
    """The batch of an update, decided by the plan's seed and the number of the update alone."""
    rng = Random(f"turns {plan.seed} {update}")
    kinds = rng.choices(list(ROWS), list(ROWS.values()), k=plan.size)
    return packed([drawn_row(rng, kind, plan) for kind in kinds])


def drawn_row(rng: Random, kind: str, plan: GenerativePlan) -> TurnRow:
    """A row of a kind, with as many turns as fit."""
    if kind == "digit":
        number = rng.randrange(plan.digits)
        return TurnRow(images=(plan.scenes + number,), turns=(_written(rng, turns.digit(rng, number % 10)),))
    images = tuple(rng.randrange(plan.scenes) for _ in range({"scene": 1, "pair": 2, "text": 0}[kind]))
    scenes = [scene_of(plan.seed, number) for number in images]
    left, found = LENGTH - len(_prefix(images)), list[Turn]()
    while True:
        makers = (turns.text, turns.about_scene, turns.compare)
        turn = _written(rng, makers[len(scenes)](rng, *scenes))
        left -= len(_prompt(turn)) + len(_answer(turn))
        if left < 0 and found:
            return TurnRow(images=images, turns=tuple(found))
        found.append(turn)


def packed(rows: Sequence[TurnRow]) -> TurnBatch:
    """The arrays of rows, each cut to LENGTH and padded to the longest, in multiples of 8."""
    laid = [_laid(row) for row in rows]
    length = min(LENGTH, -8 * (-max(len(tokens) for tokens, *_ in laid) // 8))
    tokens, positions = (np.zeros((len(rows), length), np.int16) for _ in range(2))
    segments = np.full((len(rows), length), -1, np.int8)
    targets, numbers, turn = [], [], 0
    for i, (row, (ids, places, parts, answered)) in enumerate(zip(rows, laid, strict=True)):
        cut = min(len(ids), length)
        tokens[i, :cut], positions[i, :cut], segments[i, :cut] = ids[:cut], places[:cut], parts[:cut]
        kept = [at for at in answered if at < cut]
        targets += [i * length + at for at in kept]
        numbers += [turn + parts[at] - 1 for at in kept]
        turn += len(row.turns)
    return TurnBatch(
        images=np.array([number for row in rows for number in row.images], np.int64),
        starts=np.array([i * length + 2 + PATCHES * j for i, row in enumerate(rows) for j in range(len(row.images))]),
        tokens=tokens,
        positions=positions,
        segments=segments,
        targets=np.array(targets, np.int64),
        turn=np.array(numbers, np.int64),
    )


def _laid(row: TurnRow) -> tuple[list[int], list[int], list[int], list[int]]:
    """Tokens, positions and segments of a row, and where its answers stand."""
    tokens = _prefix(row.images)
    start = len(tokens)
    positions, segments, answered = list(range(start)), [0] * start, list[int]()
    for number, turn in enumerate(row.turns, 1):
        prompt, answer = _prompt(turn), _answer(turn)
        answered += range(len(tokens) + len(prompt), len(tokens) + len(prompt) + len(answer))
        tokens = tokens + prompt + answer
        positions += range(start, start + len(prompt) + len(answer))
        segments += [number] * (len(prompt) + len(answer))
    return tokens, positions, segments, answered


@cache
def _tokenizer() -> Tokenizer:
    return build_tokenizer()


@cache
def _number(token: str) -> int:
    number = _tokenizer().token_to_id(token)
    assert number is not None
    return int(number)


def _prefix(images: Sequence[int]) -> list[int]:
    return [_number(START), _number(USER), *[_number(IMAGE)] * PATCHES * len(images)]


@cache
def _word(word: str) -> tuple[int, ...]:
    return tuple(_tokenizer().encode(word).ids)


def _ids(text: str) -> list[int]:
    """The tokens of a text; word by word, as its spaces part them too."""
    return [number for word in text.split() for number in _word(word)]


def _prompt(turn: Turn) -> list[int]:
    return [*_ids(turn.prompt), _number(ASSISTANT)]


def _answer(turn: Turn) -> list[int]:
    return [*_ids(turn.answer), _number(END)]


def _written(rng: Random, turn: Turn) -> Turn:
    """The turn with its prompt's marks set close, or without the last, as people write."""
    prompt, style = turn.prompt, rng.random()
    if style < 0.4:
        for mark in MARKS:
            prompt = prompt.replace(mark, mark[1])
    elif style < 0.5:
        prompt = prompt.removesuffix(" ?").removesuffix(" .")
    return Turn(kind=turn.kind, prompt=prompt, answer=turn.answer)
