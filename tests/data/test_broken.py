"""Bad input, all the way through prepare: one clear error or a counted skip, and nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.loader import open_split
from atlas.data.prepare import PrepareOptions, prepare
from atlas.runtime.errors import AtlasError
from atlas.tasks.reading import rgb
from atlas.tasks.reading.files import picture
from atlas.tasks.sample import Broken, Record, Skipped
from tests.data.album import (
    ALBUM,
    COUNTS,
    LFS,
    SIDE,
    change,
    line_of,
    pointer,
    prepared_from,
    read_album,
    visible,
    write_lines,
)


def truncate(album: Path) -> None:
    whole = Image.effect_noise((64, 64), 90).convert("RGB")
    whole.save(album / "images" / "train4.png", format="JPEG")
    content = (album / "images" / "train4.png").read_bytes()
    (album / "images" / "train4.png").write_bytes(content[: len(content) // 2])


def bomb(album: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(album / "images" / "train4.png")


def large(album: Path) -> None:
    Image.new("1", (10_001, 10_000)).save(album / "images" / "train4.png")


def hollow(album: Path) -> None:
    (album / "images" / "train4.png").write_bytes(b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncate, "truncated"),
        (bomb, "exceeds limit"),
        (large, "10001 x 10000 pixels, more than"),
        (pointer, "Git LFS pointer"),
        (hollow, "cannot identify image"),
    ],
)
def test_a_picture_that_cannot_be_opened_breaks_its_records(
    album: Path, processor: Processor, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(album)
    prepared = prepared_from(album, processor)
    assert prepared.counts == COUNTS | {"train": COUNTS["train"] - 2}
    assert prepared.card.pictures["train"] == COUNTS["train"] // 2 - 1
    entry = prepared.card.broken["train"]
    assert (entry.count, entry.of) == (2, COUNTS["train"])
    assert [one.where for one in entry.first] == [
        "train.jsonl:5: record 'train-4'",
        "train.jsonl:6: record 'train-5'",
    ]
    assert all("'train4.png'" in one.reason and reason in one.reason for one in entry.first)
    assert str(album) not in entry.model_dump_json()


@pytest.mark.parametrize("shard_size", [3, 4096])
def test_the_others_keep_their_own_pictures(
    album: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch, shard_size: int
) -> None:
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", shard_size)
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", shard_size)
    hollow(album)
    split = open_split(prepared_from(album, processor).path, "train")
    kept = [number for number in range(COUNTS["train"]) if number not in (4, 5)]
    everything = torch.arange(len(kept))
    assert split.ids(everything) == [f"train-{number}" for number in kept]
    reds = split.batch(everything).pixels[:, 0, 0, 0, 0].tolist()
    assert reds == [number - number % 2 for number in kept]
    assert split.targets.tolist() == [number % 2 for number in kept]


@pytest.mark.parametrize(
    ("values", "where", "reason"),
    [
        ({"image": "../train.jsonl"}, "train.jsonl:4", "leaves its folder"),
        ({"image": "/etc/hostname"}, "train.jsonl:4", "leaves its folder"),
        ({"image": "link.png"}, "train.jsonl:4", "a link out of its folder"),
        ({"image": "none.png"}, "train.jsonl:4", "there is no image 'none.png'"),
        ({"answer": "rde"}, "train.jsonl:4", "Did you mean 'red'"),
        ({"answer": 1}, "train.jsonl:4", "a int"),
        ({"id": "train-0"}, "train.jsonl:4: record 'train-0'", "a second record of this id"),
        ({"text": "half \ud800"}, "train.jsonl:4", "\\ud800"),
    ],
)
def test_a_broken_record_is_left_out_and_told(
    album: Path, processor: Processor, values: dict[str, object], where: str, reason: str
) -> None:
    (album.parent / "secret.png").write_bytes((album / "images" / "train0.png").read_bytes())
    (album / "images" / "link.png").symlink_to(album.parent / "secret.png")
    change(album, "train", 3, **values)
    prepared = prepared_from(album, processor)
    entry = prepared.card.broken["train"]
    assert (entry.count, prepared.counts["train"]) == (1, COUNTS["train"] - 1)
    assert entry.first[0].where == where
    assert reason in entry.first[0].reason
    lines = (prepared.path / "broken.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"split": "train", **entry.first[0].model_dump()}]


def test_a_line_that_is_no_json_and_a_wrong_field_name_are_told_by_line(album: Path, processor: Processor) -> None:
    lines: list[dict[str, object] | str] = [line_of("train", number) for number in range(COUNTS["train"])]
    lines[1] = "{"
    lines[2] = {"id": "x", "imag": "train0.png", "text": "word1", "answer": "red"}
    write_lines(album, "train", lines)
    first = prepared_from(album, processor).card.broken["train"].first
    assert [one.where for one in first] == ["train.jsonl:2", "train.jsonl:3"]
    assert "no JSON" in first[0].reason
    assert "Did you mean 'imag'" in first[1].reason


def test_more_broken_records_than_allowed_are_refused_before_any_work(album: Path, processor: Processor) -> None:
    change(album, "train", 3, answer="green")
    message = r"1 of 24 records of 'train' is broken, more than the 1 %.*train\.jsonl:4: unknown answer 'green'"
    with pytest.raises(AtlasError, match=message):
        prepared_from(album, processor, most_broken=0.01)
    assert visible(album) == []
    assert not list((album.parent / "root" / "album").glob(".*.work"))


def test_more_broken_pictures_than_allowed_are_refused_and_tried_again_when_repaired(
    album: Path, processor: Processor
) -> None:
    good = (album / "images" / "train4.png").read_bytes()
    pointer(album)
    with pytest.raises(AtlasError, match="2 of 24 records of 'train' are broken.*train-4.*LFS pointer"):
        prepared_from(album, processor, most_broken=0.01)
    assert visible(album) == []
    (album / "images" / "train4.png").write_bytes(good)
    prepared = prepared_from(album, processor, most_broken=0.0)
    assert prepared.counts == COUNTS
    assert not (prepared.path / "broken.jsonl").exists()
    assert not list(prepared.path.parent.glob(".*.work"))


def test_a_split_without_a_whole_record_is_refused(album: Path, processor: Processor) -> None:
    for path in (album / "images").glob("val*"):
        path.write_bytes(b"no image")
    with pytest.raises(AtlasError, match="all records of the split 'val' are broken"):
        prepared_from(album, processor, most_broken=1.0)
    assert visible(album) == []


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (LFS, "Git LFS pointer"), (b"\xff\n", "UTF-8")])
def test_a_file_that_is_no_data_is_refused(album: Path, processor: Processor, content: bytes, message: str) -> None:
    (album / "test.jsonl").write_bytes(content)
    with pytest.raises(AtlasError, match=rf"test\.jsonl.*{message}"):
        prepared_from(album, processor, most_broken=1.0)
    assert visible(album) == []


def test_missing_files_are_all_named_with_where_to_get_them(album: Path, processor: Processor) -> None:
    (album / "val.jsonl").unlink()
    (album / "test.jsonl").unlink()
    with pytest.raises(AtlasError, match=r"2 of 4 files are missing.*val\.jsonl; test\.jsonl.*album\.example"):
        prepared_from(album, processor)
    assert not (album.parent / "root").exists()


def test_unicode_names_are_names_like_others(album: Path, processor: Processor) -> None:
    name = "größe 图像 🖼.png"
    (album / "images" / "train4.png").rename(album / "images" / name)
    lines = [line_of("train", i) | ({"image": name, "id": f"ж{i}"} if i in (4, 5) else {}) for i in range(24)]
    write_lines(album, "train", list(lines))
    prepared = prepared_from(album, processor, most_broken=0.0)
    assert open_split(prepared.path, "train").ids(torch.tensor([4, 5])) == ["ж4", "ж5"]


def test_what_a_task_skips_by_rule_is_counted_and_is_no_fault(album: Path, processor: Processor) -> None:
    def read(split: str, source: Path | None) -> Iterator[Record | Broken]:
        for number, record in enumerate(read_album(split, source)):
            yield Skipped(where="a:1", reason="an odd one") if number % 2 else record

    prepare_options = PrepareOptions(most_broken=0.0)
    task = replace(ALBUM, read=read)
    prepared = prepare(
        task, processor=processor, root=album.parent / "root", source=album, prepare_options=prepare_options
    )
    assert prepared.counts == {split: count // 2 for split, count in COUNTS.items()}
    assert prepared.card.skipped == {split: {"an odd one": count // 2} for split, count in COUNTS.items()}
    assert {entry.count for entry in prepared.card.broken.values()} == {0}
    assert "Left out by rule, of train: 12 (an odd one)." in (prepared.path / "README.md").read_text()


def test_a_share_outside_the_unit_interval_is_refused() -> None:
    with pytest.raises(AtlasError, match="give 0 to 1"):
        PrepareOptions(most_broken=1.5)


def test_the_card_says_which_pictures_were_changed_and_broken_ones_are_named(album: Path, processor: Processor) -> None:
    images = album / "images"
    Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0)).save(images / "train4.png")
    Image.new("I;16", (SIDE, SIDE), 65_535).save(images / "train6.png")
    Image.new("F", (SIDE, SIDE), 0.5).save(images / "train8.png", format="TIFF")
    prepared = prepared_from(album, processor)
    assert prepared.card.changed == {"train": {rgb.ON_WHITE: 1, rgb.SCALED: 1}, "val": {}, "test": {}}
    assert "picture 'train8.png': its greys are floats" in prepared.card.broken["train"].first[0].reason
    pixels = open_split(prepared.path, "train").batch(torch.tensor([4, 6])).pixels
    assert pixels.unique().tolist() == [255]
    assert f"Pictures of train: 1 was {rgb.ON_WHITE}; 1 was {rgb.SCALED}." in (prepared.path / "README.md").read_text()


def test_two_pictures_of_one_name_are_both_kept_and_said(album: Path, processor: Processor) -> None:
    """Two folders with files of the same name, of which the reader keeps the name alone."""
    other = album / "other"
    other.mkdir()
    Image.new("RGB", (SIDE, SIDE), "white").save(other / "train4.png")

    def read(split: str, source: Path | None) -> Iterator[Record | Broken]:
        for record in read_album(split, source):
            assert isinstance(record, Record)
            if record.id in ("train-5", "train-9"):
                record = replace(record, pictures=(replace(picture(other, "train4.png"), name="train4.png"),))
            yield record

    prepared = prepare(replace(ALBUM, read=read), processor=processor, root=album.parent / "root", source=album)
    reds = open_split(prepared.path, "train").batch(torch.tensor([4, 5, 9])).pixels[:, 0, 0, 0, 0].tolist()
    assert reds == [4, 255, 255]
    assert prepared.card.changed is not None
    assert prepared.card.changed["train"] == {"kept apart from another picture of the same name": 1}


def test_a_reason_that_is_an_exception_or_half_a_character_is_written(album: Path, processor: Processor) -> None:
    def read(split: str, source: Path | None) -> Iterator[Record | Broken]:
        yield Broken(where="a\udc80.csv:1", reason=KeyError("x"))  # type: ignore[arg-type]
        yield Skipped(where="", reason="rule \udc80")
        yield from read_album(split, source)

    prepared = prepare(
        replace(ALBUM, read=read),
        processor=processor,
        root=album.parent / "root",
        source=album,
        prepare_options=PrepareOptions(most_broken=0.5),
    )
    assert prepared.card.broken["train"].first[0].model_dump() == {"where": "a\\udc80.csv:1", "reason": "'x'"}
    assert prepared.card.skipped["train"] == {"rule \\udc80": 1}
