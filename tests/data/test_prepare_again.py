"""Data that was refused or prepared before: the list of what is broken, repaired folders, and preparing again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.loader import open_split
from atlas.data.prepare import Prepared, PrepareOptions, prepare
from atlas.runtime.errors import AtlasError
from tests.data.album import ALBUM, COUNTS, SIDE, pointer, prepared_from, visible


def listed(error: pytest.ExceptionInfo[AtlasError]) -> list[str]:
    """The places in the file that a refusal names."""
    path = Path(str(error.value).rpartition(" are listed in ")[2].rstrip("."))
    return [json.loads(line)["where"] for line in path.read_text().splitlines()]


def test_a_refusal_leaves_its_whole_list_of_missing_and_unreadable_pictures_of_all_splits(
    album: Path, processor: Processor
) -> None:
    for name in ("train0.png", "train2.png", "val2.png"):
        (album / "images" / name).unlink()
    for name in ("train4.png", "test4.png"):
        (album / "images" / name).write_bytes(b"no image")
    message = "6 of 24 records of 'train' .*; 2 of 8 records of 'val' .*; 2 of 8 records of 'test' .*All 10 are listed"
    with pytest.raises(AtlasError, match=message) as error:
        prepared_from(album, processor, most_broken=0.1)
    assert [where.split(":")[0] for where in listed(error)] == 6 * ["train.jsonl"] + 2 * ["val.jsonl"] + 2 * [
        "test.jsonl"
    ]
    assert visible(album) == []
    prepared_from(album, processor, most_broken=0.3)
    assert not list((album.parent / "root" / "album").glob(".*-broken.jsonl"))


def test_a_wrong_folder_is_refused_with_its_list_before_any_picture_is_opened(
    album: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "images").rename(album / "photos")
    (album / "images").mkdir()
    shutil.copy(album / "photos" / "train0.png", album / "images")
    monkeypatch.setattr(shard, "decode", lambda *_: pytest.fail("opened"))
    with pytest.raises(AtlasError, match="22 of 24 records of 'train' are broken, more than the 10 %") as error:
        prepared_from(album, processor, most_broken=0.1)
    assert len(listed(error)) == 22 + 8 + 8


def test_the_limit_holds_for_what_was_prepared_before(album: Path, processor: Processor) -> None:
    pointer(album)
    lenient = prepared_from(album, processor, most_broken=0.1)
    strict = PrepareOptions(strict=True)
    for source in (album, None):
        with pytest.raises(AtlasError, match=r"2 of 24 records of 'train' .*prepared before.*broken\.jsonl"):
            prepare(ALBUM, processor=processor, root=album.parent / "root", source=source, prepare_options=strict)
    assert prepare(ALBUM, processor=processor, root=album.parent / "root") == lenient  # a sweep takes what is there


def test_a_repaired_or_another_folder_of_pictures_is_prepared_anew(album: Path, processor: Processor) -> None:
    pointer(album)
    first = prepared_from(album, processor)
    assert not prepared_from(album, processor).made
    Image.new("RGB", (SIDE, SIDE), (4, 0, 5)).save(album / "images" / "train4.png")
    repaired = prepared_from(album, processor)
    assert (repaired.made, repaired.counts, repaired.path == first.path) == (True, COUNTS, False)
    (album / "images" / "._train4.png").write_bytes(b"hidden")
    assert not prepared_from(album, processor).made
    (album / "images" / "new.png").write_bytes(b"another")
    assert prepared_from(album, processor).made


def test_what_is_there_is_prepared_again_when_asked(album: Path, processor: Processor) -> None:
    """The picture changes, its size does not."""
    first = prepared_from(album, processor)
    path = album / "images" / "train4.png"
    size = path.stat().st_size
    Image.new("RGB", (SIDE, SIDE), (5, 0, 5)).save(path)
    assert path.stat().st_size == size
    again = PrepareOptions(again=True)
    for source in (album, None):
        anew = prepare(ALBUM, processor=processor, root=album.parent / "root", source=source, prepare_options=again)
        assert (anew.made, anew.path) == (True, first.path)
        assert open_split(anew.path, "train").batch(torch.tensor([4])).pixels[0, 0, 0, 0, 0] == 5


def test_preparing_again_that_fails_leaves_what_was_there(album: Path, processor: Processor) -> None:
    first = prepared_from(album, processor)
    content = (album / "images" / "train4.png").read_bytes()
    (album / "images" / "train4.png").write_bytes(bytes(len(content)))
    again = PrepareOptions(again=True)
    with pytest.raises(AtlasError, match="2 of 24 records"):
        prepare(ALBUM, processor=processor, root=album.parent / "root", source=album, prepare_options=again)
    Prepared.load(first.path).verify()


def test_a_repaired_folder_goes_on_with_the_shards_that_were_done(
    album: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", 2)
    good = (album / "images" / "train4.png").read_bytes()
    pointer(album)
    with pytest.raises(AtlasError, match="2 of 24"):
        prepared_from(album, processor, most_broken=0.01)
    (album / "images" / "train4.png").write_bytes(good)
    Image.new("RGB", (SIDE, SIDE), "white").save(album / "images" / "val0.png")
    opened: list[str] = []
    decode = shard.decode
    monkeypatch.setattr(shard, "decode", lambda one, by: (opened.append(one.name), decode(one, by))[1])
    prepared = prepared_from(album, processor, most_broken=0.0)
    assert sorted(opened) == ["train4.png", "train6.png", "val0.png", "val2.png"]
    assert open_split(prepared.path, "val").batch(torch.tensor([0])).pixels.unique().tolist() == [255]
