"""The tokenizer of `vlm-tiny` reads back what it wrote, and knows the words of the offline suite."""

from __future__ import annotations

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from atlas.backbones.pretraining.generative.tokens import CHAT, SPECIALS, build_tokenizer, vocabulary, words

TOKENIZER = build_tokenizer()


@pytest.mark.parametrize(
    "text",
    [
        "is there a circle?",
        "is there a circle ?",
        "[0.25, 0.5]: 12.5 %",
        "zürich, 北京 … 😀",
        "it's <odd> x_y \\ ~",
        "",
    ],
)
def test_any_text_decodes_to_itself(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text


def test_case_and_repeated_spaces_are_lost() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(" A  Red\ncircle ").ids) == "a red circle"


def test_a_known_word_is_one_token_whatever_mark_follows() -> None:
    assert all(len(TOKENIZER.encode(word).ids) == 1 for word in words())
    assert TOKENIZER.encode("circle?").ids[0] == TOKENIZER.encode("circle ?").ids[0]


def test_tokens_of_prompt_and_answer_are_those_of_both_together() -> None:
    whole = TOKENIZER.encode("<s><user><image>what color?<assistant> deep purple</s>").ids
    assert (
        whole
        == TOKENIZER.encode("<s><user><image>what color?<assistant>").ids + TOKENIZER.encode("deep purple</s>").ids
    )


def test_numbers_of_tokens_are_those_of_the_vocabulary() -> None:
    assert [TOKENIZER.id_to_token(number) for number in range(TOKENIZER.get_vocab_size())] == list(vocabulary())
    assert [TOKENIZER.token_to_id(token) for token in SPECIALS] == list(range(len(SPECIALS)))


def test_the_template_puts_images_first_and_ends_answers() -> None:
    asked = {"role": "user", "content": [{"type": "text", "text": "same ?"}, {"type": "image"}, {"type": "image"}]}
    answered = {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}
    rendered, _ = render_jinja_template([[asked, answered]], chat_template=CHAT)  # type: ignore[list-item]
    assert rendered == ["<s><user><image><image>same ?<assistant>yes</s>"]
    prompt, _ = render_jinja_template([[asked]], chat_template=CHAT, add_generation_prompt=True)  # type: ignore[list-item]
    assert prompt == ["<s><user><image><image>same ?<assistant>"]
