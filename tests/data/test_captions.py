"""Tasks of captions: what their card counts, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atlas.backbones.processor import Processor
from atlas.data.card_page import page_of
from atlas.data.columns import flaw
from atlas.data.loader import open_split
from atlas.data.prepare import Prepared, prepare
from atlas.data.task_check import check_task
from atlas.runtime.errors import UserError
from atlas.tasks import Record
from atlas.tasks.scoring import RECALL_SCORES
from tests.backbones.toys import NAMES, picture_of, read_names

CAPTIONED = replace(NAMES, name="captioned", score="recall@1")  # by turns one caption and two, a few of them the same


@pytest.fixture(scope="module")
def prepared(processor: Processor, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(CAPTIONED, processor=processor, root=tmp_path_factory.mktemp("captioned"))


def test_the_card_counts_captions_and_what_a_random_ranking_scores(prepared: Prepared) -> None:
    card = prepared.card
    records = {split: [one.references for one in read_names(split, None)] for split in card.counts}
    assert card.captions == {split: sum(map(len, found)) for split, found in records.items()}
    assert card.balance["train"] == {"1 caption": 13.0, "2 captions": 12.0}
    for split, found in records.items():
        texts = len({text for one in found for text in one})
        expected = RECALL_SCORES["recall@1"].guessing([len(one) for one in found], texts=texts)
        assert card.majority[split] == pytest.approx(expected)
    assert card.chance == card.majority["test"] > 0
    assert (card.answer_kind, card.classes, card.outputs, card.texts_encoded) == ("captions", 0, 0, 1)


def test_the_page_tells_them(prepared: Prepared) -> None:
    page = page_of(prepared.card)
    assert "- Score: recall@1, captions among those of all pictures; chance" in page
    assert "| 2 captions | 48.00 % |" in page
    assert "Captions: train 37," in page


def test_a_split_of_so_few_pictures_that_any_ranking_is_right_is_told(processor: Processor, tmp_path: Path) -> None:
    few = prepare(replace(CAPTIONED, score="recall@10"), processor=processor, root=tmp_path, limits={"test": 4}).card
    assert "a random ranking scores 100 by recall@10 on test, which has 4 pictures: score it by a smaller k" in "".join(
        few.warnings()
    )


def test_captions_that_are_cut_are_counted_of_all_captions(processor: Processor, tmp_path: Path) -> None:
    def read(split: str, source: Path | None) -> list[Record]:
        long = "answer " * processor.max_tokens
        return [replace(one, references=(*one.references, long)) for one in read_names(split, source)]

    card = prepare(replace(CAPTIONED, read=read), processor=processor, root=tmp_path).card
    assert card.texts["train"].cut == 25
    assert any("25 of 62 texts of train were cut" in one for one in card.warnings())


def test_a_batch_has_the_captions(prepared: Prepared) -> None:
    batch = open_split(prepared.path, "train").batch(torch.tensor([1, 0]))
    assert batch.references == (("answer 1", "Ans | wer"), ("answer 0",))


def test_what_is_no_task_or_record_of_captions_is_refused(processor: Processor) -> None:
    with pytest.raises(UserError, match="'recall@1', a score of captions, and declares classes or choices"):
        check_task(replace(CAPTIONED, answers=("a", "b")), processor)
    with pytest.raises(
        UserError, match="by which a picture is told from others by its captions, and a record has 2 pict"
    ):
        check_task(replace(CAPTIONED, images=2), processor)
    with pytest.raises(UserError, match="a record has none"):
        check_task(replace(CAPTIONED, modality="language"), processor)
    record = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), references=("a fox",))
    assert flaw(CAPTIONED, record) == ""
    assert flaw(CAPTIONED, replace(record, references=())) == "no reference"
    assert "label 1 in a task of captions" in flaw(CAPTIONED, replace(record, label=1))
