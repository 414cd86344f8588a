from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.backbones.processor import Processor
from atlas.data.card_page import command
from atlas.data.prepare import PrepareOptions, find_prepared, prepare
from atlas.data.text_counts import TextCounts, is_blank
from atlas.runtime.errors import UserError
from atlas.tasks import Record, Task, choice_text
from tests.backbones.toys import CHOICES, COUNTS

LONG = "word1 word2 word3 word4 word5 word6 word7"


def asking(*answers: str, question: str = LONG, of: int = 4) -> Task:
    """A task of which one record in `of` has these answers to the question."""

    def read(split: str, source: Path | None) -> Iterator[Record]:
        for number in range(COUNTS[split]):
            asked = answers if number % of == 0 else ("word1", "word2", "word3", "word4")
            texts = tuple(choice_text(question, answer) for answer in asked)
            yield Record(id=f"{split}{number}", pictures=(), texts=texts, label=number % 4)

    return replace(CHOICES, read=read)


def test_long_questions_leave_choices_apart(tmp_path: Path, processor: Processor) -> None:
    card = prepare(asking("word1", "word2", "word3", "word4"), processor=processor, root=tmp_path).card
    assert card.tied == {"train": 0, "val": 0, "test": 0}
    assert card.truncated == {split: 4 * count for split, count in COUNTS.items()}
    assert card.texts["val"] == TextCounts(cut=20, words=4 * 5 * 8)


def test_card_page_and_warnings_say_what_is_lost(tmp_path: Path, processor: Processor) -> None:
    task = asking(LONG, "nothing", "word1", "")
    options = PrepareOptions(most_tied=1)
    prepared = prepare(task, processor=processor, root=tmp_path, prepare_options=options)
    page, said = (prepared.path / "README.md").read_text(), prepared.card.warnings()
    for line in (
        "20 of 20 texts of val were cut at 6 tokens, in 2 the answer itself",
        "% of the words of val are unknown to the tokenizer, or spelt",
        "2 records of val have an empty text, question or answer",
    ):
        assert any(line in one for one in said)
        assert line in page


def test_choices_that_are_alike_in_the_source_are_told_from_cut_ones(tmp_path: Path, processor: Processor) -> None:
    task = asking("word1", "word1", "word2", "word3", question="word9", of=12)
    card = prepare(task, processor=processor, root=tmp_path, prepare_options=PrepareOptions(most_tied=1)).card
    assert card.texts["train"].alike == card.tied["train"] == 3
    assert "3 records of train have two choices of the same text in the source" in card.warnings()


def test_more_tied_records_than_may_be_are_refused_and_the_option_lifts_it(
    tmp_path: Path, processor: Processor
) -> None:
    task = asking("nothing", "nobody", "never", "nowhere")
    with pytest.raises(UserError) as refused:
        prepare(task, processor=processor, root=tmp_path, prepare_options=PrepareOptions(most_tied=0.1))
    for part in (
        "choices: 7 of 25 records of train have two choices of the same tokens",
        "more than the 10 % that may be",
        "6 tokens",
        "--most-tied",
    ):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)
    assert find_prepared(task, processor=processor, root=tmp_path) is None
    lenient = PrepareOptions(most_tied=0.5)
    prepared = prepare(task, processor=processor, root=tmp_path, prepare_options=lenient)
    assert command(prepared.card).endswith(" --most-tied 0.5")
    assert prepare(task, processor=processor, root=tmp_path).fingerprint == prepared.fingerprint
    with pytest.raises(UserError, match="have two choices of the same tokens"):
        prepare(task, processor=processor, root=tmp_path, prepare_options=PrepareOptions(most_tied=0.1, strict=True))


def test_as_many_tied_records_as_may_be_are_taken(tmp_path: Path, processor: Processor) -> None:
    task = asking("nothing", "nobody", "word1", "word2", of=10)
    with pytest.raises(UserError, match="1 of 5 records of val"):
        prepare(task, processor=processor, root=tmp_path, prepare_options=PrepareOptions(most_tied=0.19))
    options = PrepareOptions(most_tied=0.2)
    assert prepare(task, processor=processor, root=tmp_path, prepare_options=options).card.tied["val"] == 1


def test_a_limit_that_is_no_share_is_refused() -> None:
    with pytest.raises(UserError, match="may be tied is 20; give 0 to 1"):
        PrepareOptions(most_tied=20)


@pytest.mark.parametrize(
    ("text", "blank"),
    [("", True), (" \t", True), (choice_text("a", " "), True), (choice_text("", "b"), True), ("a [SEP] b", False)],
)
def test_a_text_is_blank_with_any_of_its_parts(text: str, blank: bool) -> None:
    assert is_blank(text) == blank
