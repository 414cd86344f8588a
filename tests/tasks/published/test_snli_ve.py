from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.published.snli_ve import SNLI_VE
from atlas.tasks.sample import Broken, Skipped
from tests.tasks.raw_vision_language import (
    change_line,
    draw,
    read,
    write_lines,
    write_snli_ve,
    write_snli_ve_csv,
    write_snli_ve_first,
)


@pytest.mark.parametrize("write", [write_snli_ve, write_snli_ve_first, write_snli_ve_csv])
def test_every_release_gives_the_same_records(write: Callable[[Path], Path], tmp_path: Path) -> None:
    source = write(tmp_path)
    records, broken = read(SNLI_VE.at(source), "val", source)
    assert not broken
    assert [record.id for record in records[:2]] == ["2000.jpg#0r1e", "2000.jpg#0r1n"]
    assert records[1].texts == ("Sentence 1 of photo 0 in a café.",)
    assert [record.label for record in records[:4]] == [0, 1, 2, 0]
    assert [record.pictures[0].name for record in records[2:4]] == ["2000.jpg", "2001.jpg"]
    with records[0].pictures[0].open() as image:
        assert image.size == (40, 30)


def test_the_authors_dev_and_test_parts_are_val_and_test(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    firsts = [read(SNLI_VE, split, source)[0][0].pictures[0].name for split in ("train", "val", "test")]
    assert firsts == ["1000.jpg", "2000.jpg", "4000.jpg"]


@pytest.mark.parametrize("folder", ["flickr30k-images", "flickr30k_images/flickr30k_images"])
def test_the_images_lie_where_their_archives_put_them(folder: str, tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    (source / "flickr30k_images").rename(tmp_path / "moved")
    (source / folder).parent.mkdir(exist_ok=True)
    (tmp_path / "moved").rename(source / folder)
    assert len(read(SNLI_VE.at(source), "test", source)[0]) == 12


def test_the_folder_of_images_may_itself_be_a_link(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path / "source")
    (source / "flickr30k_images").rename(tmp_path / "elsewhere")
    (source / "flickr30k_images").symlink_to(tmp_path / "elsewhere")
    assert len(read(SNLI_VE, "test", source)[0]) == 12


def test_a_pair_without_a_majority_is_skipped_by_rule_and_counted(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    change_line(source / "snli_ve_dev.jsonl", 3, lambda row: row.update(gold_label="-"))
    records, (left,) = read(SNLI_VE, "val", source)
    assert len(records) == 11
    assert isinstance(left, Skipped)
    assert left.where == "snli_ve_dev.jsonl:3"
    assert "did not agree" in left.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: row.update(gold_label="entailmnt"), "unknown label 'entailmnt'. Did you mean 'entailment'"),
        (lambda row: row.update(Flickr30K_IDs=row.pop("Flickr30K_ID")), "Did you mean 'Flickr30K_IDs'"),
        (lambda row: row.update(sentence_2=row.pop("sentence2")), "Did you mean 'sentence_2'"),
        (lambda row: row.update(pair=row.pop("pairID")), "'pairID'. Did you mean 'pair'"),
        (lambda row: row.update(sentence2=" "), "blank"),
        (lambda row: row.update(sentence2=7), "is 7, a int"),
        (lambda row: row.update(Flickr30K_ID="../../secret"), "'../../secret.jpg' leaves its folder"),
        (lambda row: row.update(Flickr30K_ID="/etc/secret"), "leaves its folder"),
        (lambda row: row.update(Flickr30K_ID="999999"), "no image '999999.jpg'"),
        (lambda row: row.update(pairID="2000.jpg#0r1e"), "another record has the id '2000.jpg#0r1e'"),
        (lambda row: row.update(sentence2="half \ud800"), "no Unicode text"),
    ],
)
def test_a_record_that_cannot_be_used_is_told_by_file_and_line(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    source = write_snli_ve(tmp_path)
    path = source / "snli_ve_dev.jsonl"
    if said == "no Unicode text":  # which JSON spells as an escape
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("Sentence 2 of photo 0 in a café.", "half \\ud800", 1), encoding="utf-8")
    else:
        change_line(path, 3, change)
    records, (broken,) = read(SNLI_VE, "val", source)
    assert len(records) == 11
    assert broken.where == "snli_ve_dev.jsonl:3"
    assert said in broken.reason
    assert not isinstance(broken, Skipped)


def test_lines_that_are_no_objects_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    path = source / "snli_ve_test.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0][:20], "[1]", "", *lines[1:]]), encoding="utf-8")
    records, broken = read(SNLI_VE, "test", source)
    assert len(records) == 11
    assert [one.where for one in broken] == ["snli_ve_test.jsonl:1", "snli_ve_test.jsonl:2"]


def test_a_csv_row_with_a_value_too_few_is_told(tmp_path: Path) -> None:
    source = write_snli_ve_csv(tmp_path)
    with (source / "esnlive_test.csv").open("a", encoding="utf-8") as file:
        file.write("99,4000.jpg#1r1e,4000.jpg,Too short.\n")
    records, (broken,) = read(SNLI_VE, "test", source)
    assert len(records) == 12
    assert broken.where == "esnlive_test.csv:26"
    assert "not 6 values" in broken.reason


def test_images_with_unicode_names_are_found(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    draw(source / "flickr30k_images" / "фото-猫.jpg", 5)
    write_lines(
        source / "snli_ve_dev.jsonl",
        [{"Flickr30K_ID": "фото-猫", "pairID": "é#1", "sentence2": "Eine Katze.", "gold_label": "neutral"}],
    )
    (record,), broken = read(SNLI_VE, "val", source)
    assert not broken
    assert record.pictures[0].name == "фото-猫.jpg"


def test_an_image_cut_short_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    path = source / "flickr30k_images" / "2000.jpg"
    path.write_bytes(path.read_bytes()[:300])
    records, broken = read(SNLI_VE, "val", source)
    assert not broken
    with pytest.raises(OSError, match="(?i)truncated"):
        records[0].pictures[0].open()


def test_every_missing_part_is_listed_at_once(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    for part in ("dev", "test"):
        (source / f"snli_ve_{part}.jsonl").unlink()
    with pytest.raises(AtlasError, match="2 of 4 .*snli_ve_dev.jsonl or esnlive_dev.csv; snli_ve_test.jsonl"):
        SNLI_VE.at(source)


def test_text_in_another_encoding_ends_the_reading(tmp_path: Path) -> None:
    source = write_snli_ve(tmp_path)
    path = source / "snli_ve_dev.jsonl"
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    with pytest.raises(AtlasError, match="snli_ve_dev.jsonl is not UTF-8 text"):
        list(SNLI_VE.read("val", source))


def test_a_broken_record_is_no_skipped_one() -> None:
    assert issubclass(Skipped, Broken)
    assert not isinstance(Broken(where="a:1", reason="b"), Skipped)
