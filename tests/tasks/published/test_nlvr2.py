from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tasks.published.nlvr2 import NLVR2
from tests.tasks.raw_vision_language import change_line, read, write_nlvr2, write_nlvr2_numbered


def test_a_record_is_a_sentence_with_the_left_and_the_right_image(tmp_path: Path) -> None:
    records, broken = read(NLVR2, "val", write_nlvr2(tmp_path))
    assert not broken
    assert records[0].id == "dev-0-1-0"
    assert records[0].texts == ("Photo 0 of pair 0 shows a dog.",)
    assert [picture.name for picture in records[0].pictures] == ["dev-0-1-img0.png", "dev-0-1-img1.png"]
    assert [record.label for record in records[:2]] == [1, 0]
    assert NLVR2.answers[records[0].label] == "True"  # type: ignore[index]


def test_the_two_sentences_of_a_pair_share_its_images(tmp_path: Path) -> None:
    records, _ = read(NLVR2, "test", write_nlvr2(tmp_path))
    assert [one.name for one in records[0].pictures] == [one.name for one in records[1].pictures]
    assert records[0].id != records[1].id


def test_training_images_may_lie_in_numbered_folders(tmp_path: Path) -> None:
    records, broken = read(NLVR2, "train", write_nlvr2_numbered(tmp_path))
    assert not broken
    assert len(records) == 8
    assert records[2].pictures[1].name == "51/train-1-1-img1.png"
    with records[2].pictures[1].open() as image:
        assert image.getpixel((0, 0)) == (2 * 3 + 1, 90, 30)


def test_files_may_lie_as_the_repository_and_the_archive_have_them(tmp_path: Path) -> None:
    source = write_nlvr2(tmp_path)
    for part in ("train", "dev", "test1"):
        for home, name in (("data", f"{part}.json"), ("images", part)):
            (source / home).mkdir(exist_ok=True)
            (source / name).rename(source / home / name)
    task = NLVR2.at(source)
    assert [len(read(task, split, source)[0]) for split in ("train", "val", "test")] == [8, 8, 8]
    assert set(task.sources(source)) == {"train.json", "dev.json", "test1.json"}


def test_labels_may_be_json_booleans(tmp_path: Path) -> None:
    source = write_nlvr2(tmp_path)
    change_line(source / "dev.json", 1, lambda row: row.update(label=True))
    assert read(NLVR2, "val", source)[0][0].label == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: row.update(label="Tru"), "unknown label 'Tru'. Did you mean 'True'"),
        (lambda row: row.update(label=1), "is 1, a int"),
        (lambda row: row.update(sentences=row.pop("sentence")), "'sentence'. Did you mean 'sentences'"),
        (lambda row: row.update(identifer=row.pop("identifier")), "Did you mean 'identifer'"),
        (lambda row: row.update(identifier="dev"), "has no parts"),
        (lambda row: row.update(identifier="../dev-0-1-0"), "leaves its folder"),
        (lambda row: row.update(identifier="dev-0-1-1"), "another record has the id 'dev-0-1-1'"),
        (lambda row: row.update(identifier="dev-77-1-0"), "no image 'dev-77-1-img0.png'"),
        (lambda row: row.update(directory="../.."), "leaves its folder"),
        (lambda row: row.update(directory=[1]), "'directory' is [1], a list"),
    ],
)
def test_a_record_that_cannot_be_used_is_told_by_file_and_line(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    source = write_nlvr2(tmp_path)
    change_line(source / "dev.json", 3, change)
    records, (broken,) = read(NLVR2, "val", source)
    assert len(records) == 7
    assert broken.where == "dev.json:3"
    assert said in broken.reason
