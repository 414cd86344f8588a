"""Decoding: what transformers' own class writes, with a cache or without, with adapters or without."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from atlas.backbones.generative import decoding
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.generative.decoding import answer_likelihoods, generate, likelihoods, padded
from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts.readout import AnswerForm
from atlas.learners.readouts.worded import Worded
from tests.backbones.generative import test_backbone
from tests.backbones.generative.checkpoints import CHECKPOINTS, END, VOCABULARY
from tests.backbones.generative.test_backbone import TEXTS, loaded, pictures, rows, theirs

MOST = 6
ANSWERS = ("red", "a blue star", "no circle")


@pytest.fixture(scope="module", autouse=True)
def root(tmp_path_factory: pytest.TempPathFactory) -> None:
    test_backbone.ROOT[:] = test_backbone.ROOT or [tmp_path_factory.mktemp("generative")]


@pytest.fixture(params=sorted(CHECKPOINTS))
def backbone(request: pytest.FixtureRequest) -> GenerativeBackbone:
    return loaded(request.param)


@pytest.fixture
def adapted(backbone: GenerativeBackbone):
    """The backbone with two adapters that change what it says."""
    model = ContinualModel(backbone, {})
    for number in range(2):
        model.add_adapter(f"task{number}", torch.Generator().manual_seed(number), r=4, init_scale=0.5)
    model.activate("task1")
    yield backbone
    model.detach()


def written(backbone: GenerativeBackbone, images: int = 1, *, end: int = END) -> list[list[int]]:
    tokens, mask = rows(backbone, images)
    with torch.no_grad():
        pixels = pictures(len(TEXTS), max(images, 1))
        return generate(backbone, pixels, tokens[:, None], mask[:, None], most=MOST, end=end)


@pytest.mark.parametrize("images", [0, 2])
def test_it_writes_what_transformers_own_class_writes(backbone: GenerativeBackbone, images: int) -> None:
    model = AutoModelForImageTextToText.from_pretrained(backbone.processor.folder).eval()
    found = written(backbone, images)
    for number, tokens in enumerate(found):
        given = theirs(backbone, number, images)
        made = model.generate(**given, max_new_tokens=MOST, do_sample=False, eos_token_id=END, pad_token_id=END)
        expected = made[0, given["input_ids"].shape[1] :].tolist()
        assert tokens == (expected[: expected.index(END)] if END in expected else expected)


def prompted(backbone: GenerativeBackbone, answer: list[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """The prompts of TEXTS, each with answer tokens of its own: pixels, tokens and mask."""
    tokens, mask = rows(backbone, 1)
    pad = backbone.processor.pad_id
    found = [
        [*row[seen].tolist(), *([pad, *one] if one else [])]
        for row, seen, one in zip(tokens, mask, answer, strict=True)
    ]
    whole = padded(found, pad)[:, None]
    return pictures(len(TEXTS), 1), whole, whole != pad


def test_a_cache_changes_nothing_with_adapters(adapted: GenerativeBackbone) -> None:
    found = written(adapted, end=-1)
    said: list[list[int]] = [[] for _ in TEXTS]
    for _ in range(MOST):
        pixels, tokens, mask = prompted(adapted, said)
        sequences = adapted.sequences(tokens[:, 0], mask[:, 0])
        with torch.no_grad():
            states = adapted.decode(sequences, adapted.embed(sequences, pixels))
        last = states[torch.arange(len(TEXTS)), sequences.lengths - 1]
        for one, token in zip(said, adapted.output(last).argmax(1).tolist(), strict=True):
            one.append(token)
    assert found == said
    assert len({tuple(one) for one in found}) > 1


def test_adapters_change_what_it_says(adapted: GenerativeBackbone) -> None:
    with torch.no_grad():
        on = _likely(adapted)
        for module in adapted.model.modules():
            if hasattr(module, "enable_adapters") and hasattr(module, "atlas_down"):
                module.enable_adapters(False)
        assert not torch.allclose(on, _likely(adapted), atol=1e-2)


def answers(backbone: GenerativeBackbone) -> list[list[int]]:
    assert backbone.processor.prompts is not None
    return [backbone.processor.prompts.answer(one) for one in ANSWERS]


def _likely(backbone: GenerativeBackbone) -> Tensor:
    tokens, mask = rows(backbone, 1)
    given = padded(answers(backbone), -1)
    return answer_likelihoods(backbone, pictures(len(TEXTS), 1), tokens[:, None], mask[:, None], given)


def test_answers_are_as_likely_by_a_prompt_that_is_read_once(
    adapted: GenerativeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_answer = []
    for one in answers(adapted):
        with torch.no_grad():
            by_answer.append(likelihoods(adapted, *prompted(adapted, [one] * len(TEXTS))))
    with torch.no_grad():
        found = _likely(adapted)
        monkeypatch.setattr(decoding, "TOKENS_AT_ONCE", 1)
        assert torch.allclose(_likely(adapted), found, atol=1e-4)
    assert torch.allclose(found, torch.cat(by_answer, 1), atol=1e-4)
    assert found[..., 1].tolist() == [[2, 4, 3]] * len(TEXTS)


def test_likelihoods_are_those_of_transformers_own_class(backbone: GenerativeBackbone) -> None:
    model = AutoModelForImageTextToText.from_pretrained(backbone.processor.folder).eval()
    answer = answers(backbone)[1]
    with torch.no_grad():
        found = likelihoods(backbone, *prompted(backbone, [answer] * len(TEXTS)))[:, 0]
        for number, (total, count) in enumerate(found.tolist()):
            given = theirs(backbone, number, 1)
            ids = torch.cat([given["input_ids"], torch.tensor([answer])], 1)
            given |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if "mm_token_type_ids" in given:
                given["mm_token_type_ids"] = (ids == 4).int()
            logits = model(**given).logits[0, -len(answer) - 1 : -1].log_softmax(-1)
            assert total == pytest.approx(float(logits.gather(1, torch.tensor(answer)[:, None]).sum()), abs=1e-3)
            assert count == len(answer)


def test_a_text_is_written_as_words(backbone: GenerativeBackbone) -> None:
    prompts = backbone.processor.prompts
    assert prompts is not None
    form = AnswerForm(task="one", outputs=len(ANSWERS), images=1, answers=ANSWERS)
    assert [prompts.text(one) for one in Worded(form, prompts).answers] == list(ANSWERS)
    assert len(VOCABULARY) == prompts.pad_id


def test_no_more_tokens_are_read_at_once_however_many_answers_follow_a_prompt(
    adapted: GenerativeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer has a copy of its prompt's keys and values."""
    sizes, states = [], GenerativeBackbone.states

    def noted(self: GenerativeBackbone, embedded: Tensor, *, mask: Tensor, **given: Any) -> Tensor:
        sizes.append(mask.numel())
        return states(self, embedded, mask=mask, **given)

    monkeypatch.setattr(GenerativeBackbone, "states", noted)
    with torch.no_grad():
        whole = _likely(adapted)
        assert max(sizes) > 300
        sizes.clear()
        monkeypatch.setattr(decoding, "TOKENS_AT_ONCE", 300)
        assert torch.allclose(_likely(adapted), whole, atol=1e-4)
    assert max(sizes) <= 300
