"""The model learns its turns as if each stood alone, and greedy decoding writes what its hits say."""

from __future__ import annotations

import pytest
import torch

from atlas.backbones.pretraining.generative.model import GenerativeModel, ImageBank, model_config, visible
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.rows import TurnRow, packed, training_batch
from atlas.backbones.pretraining.generative.supply import build_bank
from atlas.backbones.pretraining.generative.tokens import build_tokenizer
from atlas.backbones.pretraining.generative.turns import Turn

PLAN = GenerativePlan(size=8, scenes=20, digits=10, width=32, layers=1)
TURNS = tuple(Turn(kind="ask", prompt=f"what is {word} ?", answer=word) for word in ("red", "blue", "no ring"))


@pytest.fixture(scope="module")
def bank() -> ImageBank:
    pixels, patches = build_bank(PLAN, None)
    return ImageBank(pixels=torch.from_numpy(pixels), patches=torch.from_numpy(patches))


@pytest.fixture(scope="module")
def model() -> GenerativeModel:
    torch.manual_seed(0)
    return GenerativeModel(model_config(PLAN))


def test_a_token_sees_what_all_turns_see_and_its_own_turn() -> None:
    seen = visible(torch.tensor([[0, 0, 1, 1, 2, 2, -1, -1]]))[0, 0]
    assert seen[5].tolist() == [True, True, False, False, True, True, False, False]
    assert seen[2].tolist() == [True, True, True, False, False, False, False, False]
    assert seen.any(1).all()


def test_turns_of_a_row_do_not_see_each_other(model: GenerativeModel, bank: ImageBank) -> None:
    together = model._answers(bank.tensors(packed([TurnRow(images=(1, 12), turns=TURNS)])))[0]
    alone = [model._answers(bank.tensors(packed([TurnRow(images=(1, 12), turns=(turn,))])))[0] for turn in TURNS]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_logits_are_those_of_transformers_own_forward(model: GenerativeModel, bank: ImageBank) -> None:
    batch = bank.tensors(packed([TurnRow(images=(2,), turns=TURNS[:1]), TurnRow(images=(5,), turns=TURNS[1:2])]))
    with torch.no_grad():
        whole = model.model(
            input_ids=batch.tokens, pixel_values=batch.pixels / 127.5 - 1, attention_mask=batch.segments >= 0
        )
        ours = model._answers(batch)[0]
    torch.testing.assert_close(ours, whole.logits.flatten(0, 1)[batch.targets - 1], atol=1e-5, rtol=1e-4)


def test_updates_on_one_batch_lower_its_losses(bank: ImageBank) -> None:
    torch.manual_seed(0)
    model, batch = GenerativeModel(model_config(PLAN)), bank.tensors(training_batch(PLAN, 0))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(6):
        parts = model(batch)
        losses.append({name: float(value.detach()) for name, value in parts.items()})
        optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        optimiser.step()
    assert all(losses[-1][name] < losses[0][name] for name in ("answers", "patches"))


def test_an_answer_is_right_where_greedy_decoding_writes_it(bank: ImageBank) -> None:
    torch.manual_seed(0)
    model, tokenizer = GenerativeModel(model_config(PLAN)), build_tokenizer()
    batch = bank.tensors(packed([TurnRow(images=(), turns=TURNS[2:])]))
    prompt = batch.tokens[:, : int(batch.targets[0])]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for expected in (False, True):
        written = model.model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=3)
        said = tokenizer.decode(written[0, prompt.shape[1] :].tolist())
        assert (said == "no ring") == bool(model.hits(batch).all()) == expected
        for _ in range(0 if expected else 20):
            optimiser.zero_grad()
            model(batch)["answers"].backward()
            optimiser.step()
