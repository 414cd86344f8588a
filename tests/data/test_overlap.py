from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlas.backbones.processor import Processor
from atlas.data.overlap import SplitDigests, overlaps
from atlas.data.prepare import prepare
from atlas.data.text_counts import tied_records
from atlas.tasks import Picture, Record
from tests.backbones.toys import CHOICES, SHADES, read_shades


def digests(ids: list[str], tokens: list[int], rows: list[list[int]], pixels: list[int]) -> SplitDigests:
    found = SplitDigests(blank=False)
    found.add_records(ids, np.array(tokens, dtype=np.int32)[:, None], np.array(rows, dtype=np.int32))
    found.add_pictures(np.array(pixels, dtype=np.uint8)[:, None])
    return found


def test_shared_ids_pictures_and_records_are_told_apart() -> None:
    one = digests(["a", "b"], [1, 2], [[0], [1]], [7, 8])
    assert overlaps({"train": one, "test": digests(["c"], [3], [[0]], [9])}) == {}
    assert overlaps({"train": one, "test": digests(["a"], [3], [[0]], [9])}) == {"train and test": {"ids": 1}}
    assert overlaps({"train": one, "test": digests(["c"], [3], [[0]], [8])}) == {"train and test": {"pictures": 1}}
    assert overlaps({"train": one, "test": digests(["c"], [2], [[0]], [8])}) == {
        "train and test": {"pictures": 1, "records": 1}
    }
    assert overlaps({"train": one, "test": digests(["c"], [1], [[0]], [8])}) == {"train and test": {"pictures": 1}}


def test_the_order_of_two_pictures_is_part_of_a_record() -> None:
    one = digests(["a"], [1], [[0, 1]], [7, 8])
    assert "records" in overlaps({"train": one, "val": digests(["b"], [1], [[1, 0]], [8, 7])})["train and val"]
    assert "records" not in overlaps({"train": one, "val": digests(["b"], [1], [[0, 1]], [8, 7])})["train and val"]


def test_the_card_says_what_splits_share_under_other_names(tmp_path: Path, processor: Processor) -> None:
    """The same records under other ids and with other names of pictures, as a copied file has them."""

    def read(split: str, source: Path | None) -> Iterator[Record]:
        for record in read_shades("train" if split == "test" else split, source):
            pictures = tuple(Picture(name=f"{split} {one.name}", open=one.open) for one in record.pictures)
            yield replace(record, id=f"{split} {record.id}", pictures=pictures)

    card = prepare(replace(SHADES, read=read), processor=processor, root=tmp_path).card
    assert card.overlap is not None
    assert card.overlap["train and test"] == {"pictures": 13, "records": 25}
    page = (tmp_path / "shades" / card.key() / "README.md").read_text()
    assert "train and test share 13 pictures and 25 records" in page


def test_a_language_task_shares_no_blank_picture(tmp_path: Path, processor: Processor) -> None:
    card = prepare(CHOICES, processor=processor, root=tmp_path).card
    assert card.overlap is not None
    assert not any("pictures" in shared for shared in card.overlap.values())


def test_the_card_says_which_records_have_choices_of_the_same_tokens(tmp_path: Path, processor: Processor) -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        for number, record in enumerate(CHOICES.read(split, source)):
            assert isinstance(record, Record)
            long = tuple(f"{'word1 ' * 20}{text}" for text in record.texts)
            yield replace(record, texts=long) if number < 2 else record

    card = prepare(replace(CHOICES, read=read), processor=processor, root=tmp_path).card
    plain = prepare(CHOICES, processor=processor, root=tmp_path / "plain").card
    assert [card.tied[split] - plain.tied[split] for split in card.tied] == [2, 2, 2]
    assert any("of train have two choices of the same tokens" in one for one in card.warnings())


@pytest.mark.parametrize(
    ("texts", "count"),
    [([[[1], [1]]], 1), ([[[1], [2]]], 0), ([[[1], [2], [1]], [[1], [2], [3]]], 1), ([[[1]]], 0)],
)
def test_records_are_tied_by_any_two_choices(texts: list[list[list[int]]], count: int) -> None:
    assert tied_records(np.array(texts, dtype=np.int32)) == count


def test_half_a_download_is_said(tmp_path: Path, processor: Processor) -> None:
    whole = replace(SHADES, published=(("train+val", 30), ("test", 7)))
    half = replace(whole, published=(("train+val", 60), ("test", 7)), version=2)
    assert prepare(whole, processor=processor, root=tmp_path).card.unlike == ()
    card = prepare(half, processor=processor, root=tmp_path).card
    assert card.unlike == ("train+val: 30 records, 60 are published: is the download whole?",)
    assert prepare(half, processor=processor, root=tmp_path, limits={"train": 3}).card.unlike == ()
