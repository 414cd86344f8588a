from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from atlas.backbones import locate, text_rows
from atlas.backbones.processor import Processor
from atlas.tasks import choice_text
from tests.backbones.toys import write_folder

PAD, CLS, SEP = 0, 2, 3


@pytest.fixture
def ten(tmp_path: Path) -> Processor:
    """A processor of ten tokens: word N is token N + 4."""
    return Processor.load(write_folder(tmp_path, length=10))


def words(*numbers: int) -> str:
    return " ".join(f"word{number}" for number in numbers)


def row(processor: Processor, text: str) -> list[int]:
    return processor.tokens(text).tolist()


def test_the_question_is_cut_and_the_answer_stays(ten: Processor) -> None:
    question = words(*range(20))
    rows = ten.text_rows([choice_text(question, words(21)), choice_text(question, words(22, 23))])
    assert rows.rows.tolist() == [
        [CLS, 4, 5, 6, 7, 8, 9, SEP, 25, SEP],
        [CLS, 4, 5, 6, 7, 8, SEP, 26, 27, SEP],
    ]
    assert (rows.cut.tolist(), rows.answer_cut.tolist()) == ([True, True], [False, False])


def test_an_answer_that_is_too_long_by_itself_is_cut_and_counted(ten: Processor) -> None:
    rows = ten.text_rows([choice_text(words(0, 1), words(*range(10, 25)))])
    assert rows.rows.tolist() == [[CLS, SEP, 14, 15, 16, 17, 18, 19, 20, SEP]]
    assert (rows.cut.tolist(), rows.answer_cut.tolist()) == ([True], [True])


def test_of_several_parts_before_the_answer_the_longest_is_cut_first(ten: Processor) -> None:
    text = choice_text(choice_text(words(0), words(*range(1, 9))), words(20, 21))
    assert row(ten, text) == [CLS, 4, SEP, 5, 6, 7, SEP, 24, 25, SEP]


def test_a_text_of_one_part_loses_its_end(ten: Processor) -> None:
    assert row(ten, words(*range(20))) == [CLS, *range(4, 12), SEP]


def test_a_text_that_fits_exactly_is_whole(ten: Processor) -> None:
    text = choice_text(words(0, 1, 2, 3), words(4, 5, 6))
    rows = ten.text_rows([text, text + " word7"])
    assert rows.cut.tolist() == [False, True]
    assert rows.rows[0].tolist() == [CLS, 4, 5, 6, 7, SEP, 8, 9, 10, SEP]


def test_separators_alone_may_be_too_many(tmp_path: Path) -> None:
    short = Processor.load(write_folder(tmp_path, length=4))
    assert row(short, choice_text(choice_text(choice_text("word0", "word1"), "word2"), "word3")) == [CLS, 4, SEP, 5]


def test_a_tokenizer_without_a_separator_of_its_own_keeps_the_answer_too(tmp_path: Path) -> None:
    """A tokenizer of bytes, as CLIP's family has, spells the separator."""
    write_folder(tmp_path, length=24)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    numbers = {"<pad>": 0, "<s>": 1, "</s>": 2, **{letter: 3 + i for i, letter in enumerate(letters)}}
    tokenizer = Tokenizer(models.BPE(numbers, [], unk_token="</s>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"pad_token_id": 0}))
    processor = Processor.load(tmp_path)
    tokens = {number: letter for letter, number in numbers.items()}
    ids = row(processor, choice_text("Where are there many trees ?", "Forest"))
    assert "".join(tokens[one] for one in ids).replace("Ġ", " ") == "<s>where are [sep] forest</s>"


def test_words_that_the_tokenizer_does_not_know_or_spells_are_counted(ten: Processor) -> None:
    rows = ten.text_rows([words(1, 2), "word1 nothing", "nothing at all", ""])
    assert list(zip(rows.words.tolist(), rows.unknown.tolist(), strict=True)) == [(2, 0), (2, 1), (3, 3), (0, 0)]
    tiny = Processor.load(locate("vilt-tiny")).text_rows(["is there a red circle ?", "the zebra"])
    assert list(zip(tiny.words.tolist(), tiny.unknown.tolist(), strict=True)) == [(6, 0), (2, 1)]


def test_five_long_questions_of_the_default_backbone_keep_five_different_answers() -> None:
    """The tokens of `vilt-tiny` spell words that it does not know: a question of ten such words fills the row."""
    processor = Processor.load(locate("vilt-tiny"))
    stem = "The sanctions against the school were a punishing blow and they seemed to ignore the efforts made?"
    answers = ("ignore", "enforce", "authoritarian", "yell at", "avoid")
    rows = processor.text_rows([choice_text(stem, answer) for answer in answers])
    assert rows.cut.all()
    assert not rows.answer_cut.any()
    assert len(np.unique(rows.rows, axis=0)) == 5


@pytest.mark.parametrize(
    "text",
    [
        "the red circle, ø is " * 2000,
        "redcircle" * 2000,
        "Ж" * 30_000,
        " " * 20_000 + "red",
        choice_text("a red circle " * 3000, "blue"),
        choice_text("blue", "a red circle " * 3000),
        choice_text(choice_text("a " * 20_000, "circle " * 9000), "is it red " * 4),
        "a [SEP] " * 4000,
    ],
)
def test_a_text_far_longer_than_needed_is_shortened_to_the_same_row(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor.load(locate("vilt-tiny"))
    found = processor.text_rows([text])
    monkeypatch.setattr(text_rows, "CHARACTERS", 10**9)
    whole = processor.text_rows([text])
    for name in ("rows", "cut", "answer_cut"):
        assert (getattr(found, name) == getattr(whole, name)).all(), name


def test_of_a_long_text_only_its_beginning_is_encoded(ten: Processor) -> None:
    assert len(text_rows.shortened("word1 " * 10**5, 10, ten.uncut)) == text_rows.CHARACTERS
    assert len(text_rows.shortened("w" * 10**5, 10, ten.uncut)) == 10**5  # a word without an end


def test_no_texts_give_no_rows(ten: Processor) -> None:
    assert ten.text_rows([]).rows.shape == (0, 10)
