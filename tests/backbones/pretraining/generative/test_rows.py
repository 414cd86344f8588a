"""Rows are decided by seed and update, hold whole turns, and say where answers and images stand."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.rows import (
    LENGTH,
    PATCHES,
    ROWS,
    TurnRow,
    drawn_row,
    packed,
    training_batch,
)
from atlas.backbones.pretraining.generative.tokens import build_tokenizer
from atlas.backbones.pretraining.generative.turns import Turn

PLAN = GenerativePlan(size=16, scenes=50, digits=20)
TOKENIZER = build_tokenizer()


def text_of(tokens: np.ndarray) -> str:
    return str(TOKENIZER.decode(tokens.tolist(), skip_special_tokens=False))


def test_a_batch_is_that_of_its_seed_and_update() -> None:
    one, same, other = (training_batch(PLAN, update) for update in (3, 3, 4))
    assert np.array_equal(one.tokens, same.tokens)
    assert np.array_equal(one.images, same.images)
    assert one.tokens.shape != other.tokens.shape or not np.array_equal(one.tokens, other.tokens)


def test_a_row_is_a_prompt_of_the_template_and_further_turns() -> None:
    turns = (
        Turn(kind="ask", prompt="is there a star?", answer="no"),
        Turn(kind="ask", prompt="what?", answer="red ring"),
    )
    batch = packed([TurnRow(images=(4, 9), turns=turns)])
    shown = text_of(batch.tokens[0]).replace("<image>", "I").replace(" ", "").rstrip("<pad>")
    images = "I" * 2 * PATCHES
    assert shown == f"<s><user>{images}isthereastar?<assistant>no</s>what?<assistant>redring</s>".rstrip("<pad>")
    assert batch.images.tolist() == [4, 9]
    assert batch.starts.tolist() == [2, 2 + PATCHES]


def test_targets_are_the_answers_tokens_and_their_ends() -> None:
    turns = (Turn(kind="ask", prompt="is it?", answer="no"), Turn(kind="ask", prompt="which", answer="red ring"))
    batch = packed([TurnRow(images=(), turns=turns), TurnRow(images=(1,), turns=turns[:1])])
    found = [TOKENIZER.id_to_token(number) for number in batch.tokens.flatten()[batch.targets].tolist()]
    assert found == ["▁no", "</s>", "▁red", "▁ring", "</s>", "▁no", "</s>"]
    assert batch.turn.tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_every_turn_stands_where_it_would_stand_alone() -> None:
    turns = tuple(Turn(kind="ask", prompt=f"what is {word} ?", answer=word) for word in ("red", "blue"))
    both, alone = packed([TurnRow(images=(1,), turns=turns)]), packed([TurnRow(images=(1,), turns=turns[1:])])
    second = both.segments[0] == 2
    assert np.array_equal(both.positions[0][second], alone.positions[0][alone.segments[0] == 1])
    assert np.array_equal(both.tokens[0][second], alone.tokens[0][alone.segments[0] == 1])


@pytest.mark.parametrize("kind", ROWS)
def test_rows_are_filled_and_not_overfull(kind: str) -> None:
    rows = [drawn_row(Random(number), kind, PLAN) for number in range(20)]
    batch = packed(rows)
    assert batch.tokens.shape[1] <= LENGTH
    assert len(batch.images) == 20 * {"scene": 1, "pair": 2, "digit": 1, "text": 0}[kind]
    assert kind == "digit" or all(len(row.turns) > 1 for row in rows)
    assert all(number >= PLAN.scenes for row in rows for number in row.images) == (kind in ("digit", "text"))
