"""Prompts: a text in its chat template, cut so that template and answer stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.backbones.chat_template import ChatTemplate
from atlas.backbones.processor import Processor
from atlas.backbones.prompts import Prompts
from atlas.runtime.errors import AtlasError
from tests.backbones.generative.checkpoints import TEMPLATE, TEXT, VISION, VOCABULARY, build_tokenizer

PAD = len(VOCABULARY)


def write_folder(folder: Path, **changed: object) -> Path:
    """The files of a LLaVA that its processor reads."""
    folder.mkdir(exist_ok=True)
    config = {"model_type": "llava", "text_config": TEXT, "vision_config": VISION, "image_token_index": 4}
    (folder / "config.json").write_text(json.dumps(config))
    build_tokenizer().save(str(folder / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": TEMPLATE, **changed}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    found = Processor.load(write_folder(tmp_path)).prompts
    assert found is not None
    return found


def words(prompts: Prompts, text: str, length: int = 24, images: int = 1, *, answered: bool = False) -> str:
    """The words of a row; `|` between prompt and answer."""
    row = prompts.rows([text], length, images=images, answered=answered).rows[0].tolist()
    return " ".join("|" if token == PAD else VOCABULARY[token] for token in row).rstrip(" |")


def test_a_text_stands_in_the_template(prompts: Prompts) -> None:
    assert words(prompts, "a red star") == "<s> USER: <image> . a red star ASSISTANT:"
    assert words(prompts, "a red star", images=0) == "<s> USER: a red star ASSISTANT:"
    assert words(prompts, "a", images=2) == "<s> USER: <image> . <image> . a ASSISTANT:"


def test_the_last_part_is_an_answer_where_texts_compete(prompts: Prompts) -> None:
    text = "what is red ? [SEP] the star"
    assert words(prompts, text, answered=True) == "<s> USER: <image> . what is red ? ASSISTANT: | the star </s>"
    assert words(prompts, text) == "<s> USER: <image> . what is red ? the star ASSISTANT:"
    assert words(prompts, "the star", answered=True) == "<s> USER: <image> . ASSISTANT: | the star </s>"


def test_what_is_too_long_loses_the_end_of_its_text_alone(prompts: Prompts) -> None:
    long = "red blue green circle star rectangle"
    assert words(prompts, long, 8) == "<s> USER: <image> . red blue green ASSISTANT:"
    assert words(prompts, f"{long} [SEP] no yes", 9) == "<s> USER: <image> . red blue no yes ASSISTANT:"
    answered = words(prompts, f"{long} [SEP] no yes", 11, answered=True)
    assert answered == "<s> USER: <image> . red blue ASSISTANT: | no yes </s>"
    answered = words(prompts, f"red [SEP] {long}", 10, answered=True)
    assert answered == "<s> USER: <image> . ASSISTANT: | red blue green </s>"


def test_losses_are_told(prompts: Prompts) -> None:
    texts = ["red", "red blue green star no", "red blue [SEP] no", "red [SEP] no yes no yes"]
    found = prompts.rows(texts, 9, answered=True)
    assert found.cut.tolist() == [False, True, True, True]
    assert found.answer_cut.tolist() == [False, True, False, True]
    assert found.words.tolist() == [1, 5, 3, 5]
    assert found.unknown.tolist() == [0, 0, 0, 0]
    with pytest.raises(AtlasError, match="a prompt has 6 tokens, and the chat template with 1 image takes 5"):
        prompts.rows(["red"], 6)


def test_a_text_cannot_name_an_image_of_its_own(prompts: Prompts) -> None:
    assert words(prompts, "a <image> red star") == "<s> USER: <image> . a red star ASSISTANT:"


def test_an_answer_and_its_text_are_each_others_inverse(prompts: Prompts) -> None:
    tokens = prompts.answer("a red star")
    assert [VOCABULARY[token] for token in tokens] == ["a", "red", "star", "</s>"]
    assert prompts.text([*tokens, 7, 8]) == "a red star"


def test_the_template_is_found_wherever_it_is_kept(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, chat_template=None)
    assert ChatTemplate.load(folder, image_token="<image>").frame(1) == ("<image>\n", "\n")
    for name, content in (
        ("processor_config.json", {"chat_template": "{{ messages[0]['content'][0]['text'] }} p"}),
        ("chat_template.json", {"chat_template": "{{ messages[0]['content'][0]['text'] }} c"}),
    ):
        (folder / name).write_text(json.dumps(content))
        assert ChatTemplate.load(folder, image_token="<image>").frame(0) == ("", f" {name[0]}")
    (folder / "chat_template.jinja").write_text("{{ bos_token }}{{ messages[0]['content'][0]['text'] }}")
    assert ChatTemplate.load(folder, image_token="<image>").frame(0) == ("<s>", "")


def test_templates_that_do_not_serve_are_told(tmp_path: Path) -> None:
    for template, said in (
        ("{{ raise_exception('no') }}", "cannot be rendered"),
        ("hello", "leaves a message's text out"),
        ("{{ messages[0]['content'][-1]['text'] }}", "has '<image>' 0 times for 1 image"),
    ):
        found = Processor.load(write_folder(tmp_path, chat_template=template)).prompts
        assert found is not None
        with pytest.raises(AtlasError, match=said):
            found.rows(["red"], 24)


def test_the_template_is_in_the_processors_digest(tmp_path: Path) -> None:
    one = Processor.load(write_folder(tmp_path / "one"))
    same = Processor.load(write_folder(tmp_path / "same"))
    other = Processor.load(write_folder(tmp_path / "other", chat_template=TEMPLATE + " "))
    assert one.digest == same.digest != other.digest


def test_an_end_of_answers_that_is_not_known_is_told(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="name the token that ends an answer"):
        Processor.load(write_folder(tmp_path, eos_token=None))


def test_the_fewest_tokens_that_are_taken_hold_an_answer(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    rows = Processor.cut_to(folder, 8).text_rows(["red star [SEP] no"], answered=True).rows
    assert [VOCABULARY[token] for token in rows[0] if token != PAD][-2:] == ["no", "</s>"]
    with pytest.raises(AtlasError, match="takes texts of 8 to"):
        Processor.cut_to(folder, 7)
