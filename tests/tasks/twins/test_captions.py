"""Twins of captions, written as Karpathy's split files, are read as the very records of the twin."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from atlas.tasks import SPLITS, TASKS, Record
from atlas.tasks.sample import Broken
from atlas.tasks.twins.captions import CAPTION_TWINS, CaptionTwin
from atlas.tasks.twins.twin import Sizes

FEW = Sizes(train=8, val=3, test=4, seed=3)


@pytest.fixture(scope="module", params=sorted(CAPTION_TWINS))
def twin(request: pytest.FixtureRequest) -> CaptionTwin:
    return CAPTION_TWINS[request.param]


def bare(found: list[Record | Broken]) -> list[Record]:
    assert all(isinstance(one, Record) for one in found)
    return [dataclasses.replace(one, pictures=()) for one in found if isinstance(one, Record)]


def test_the_data_set_s_reader_reads_the_same_records(twin: CaptionTwin, tmp_path: Path) -> None:
    twin.write_raw(tmp_path, FEW)
    ours, theirs = twin.make(FEW), TASKS[twin.sister].at(tmp_path)
    assert (ours.score, ours.answer_kind) == (theirs.score, theirs.answer_kind) == ("recall@1", "captions")
    for split in SPLITS:
        read, drawn = list(theirs.read(split, tmp_path)), list(ours.read(split, None))
        assert bare(read) == bare(drawn)
        for one, other in zip(read, drawn, strict=True):
            assert isinstance(one, Record)
            assert isinstance(other, Record)
            with one.pictures[0].open() as file, other.pictures[0].open() as image:
                assert file.tobytes() == image.tobytes()


def test_coco_s_twin_has_its_folders_and_restval(tmp_path: Path) -> None:
    CAPTION_TWINS["coco-captions-twin"].write_raw(tmp_path, FEW)
    images = json.loads((tmp_path / "dataset_coco.json").read_text())["images"]
    assert {(one["split"], one["filepath"]) for one in images} == {
        ("train", "train2014"),
        *((split, "val2014") for split in ("restval", "val", "test")),
    }


def test_a_scene_has_five_captions_of_the_words_and_length_that_clip_tiny_takes() -> None:
    from atlas.backbones import locate
    from atlas.backbones.processor import Processor

    processor = Processor.load(locate("clip-tiny"))
    records = [one for one in TASKS["flickr30k-twin"].read("val", None) if isinstance(one, Record)]
    assert {len(set(one.references)) for one in records} == {5}
    rows = processor.text_rows([text for one in records for text in one.references])
    assert not rows.cut.any()
    assert not rows.unknown.any()
