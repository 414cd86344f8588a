from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import NO_TEXT, SPLITS, Broken, Record
from atlas.tasks.published.inaturalist import INATURALIST
from tests.tasks.raw_unimodal import SPECIES, inat_name, write_inat

Document = dict[str, Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_inat(tmp_path / "inat")


def read(split: str, source: Path) -> list[Record]:
    found = list(INATURALIST.read(split, source))
    assert not [record for record in found if isinstance(record, Broken)]
    return [record for record in found if isinstance(record, Record)]


def rewrite(source: Path, change: Callable[[Document], None], name: str = "val2019.json") -> None:
    document = json.loads((source / name).read_text())
    change(document)
    (source / name).write_text(json.dumps(document))


def broken(split: str, source: Path) -> dict[str, str]:
    return {record.where: record.reason for record in INATURALIST.read(split, source) if isinstance(record, Broken)}


def test_the_classes_are_the_categories_by_their_ids(source: Path) -> None:
    task = INATURALIST.at(source)
    assert task.answers == SPECIES
    assert task.chance == pytest.approx(100 / 3)
    assert pytest.approx(0.099, abs=1e-3) == INATURALIST.chance


def test_an_image_finds_its_class_by_id_whatever_the_order_of_the_annotations(source: Path) -> None:
    for split in SPLITS:
        assert all(record.label == int(record.id) % 3 for record in read(split, source))
    before = read("train", source)
    rewrite(source, lambda document: random.Random(1).shuffle(document["annotations"]), "train2019.json")
    assert [(r.id, r.label) for r in read("train", source)] == [(r.id, r.label) for r in before]


def test_the_order_of_the_images_in_the_file_decides_nothing(source: Path) -> None:
    before = [record.id for record in read("train", source)]
    rewrite(source, lambda document: random.Random(1).shuffle(document["images"]), "train2019.json")
    assert [record.id for record in read("train", source)] == before
    assert before != sorted(before, key=int)


def test_val_is_a_part_of_the_training_images_and_test_the_published_ones(source: Path) -> None:
    ids = {split: [int(record.id) for record in read(split, source)] for split in SPLITS}
    assert sorted(ids["test"]) == list(range(60, 66))
    assert 0 < len(ids["val"]) < 10
    assert sorted(ids["train"] + ids["val"]) == list(range(60))


def test_a_record_has_its_image_under_its_relative_path(source: Path) -> None:
    record = next(record for record in read("test", source) if record.id == "61")
    assert record.texts == (NO_TEXT,)
    assert record.pictures[0].name == inat_name(61)
    with record.pictures[0].open() as image:
        assert image.size == (12, 8)


def test_two_categories_of_one_name_stay_two_classes(source: Path) -> None:
    rewrite(source, lambda document: document["categories"][0].update(name=SPECIES[0]), "train2019.json")
    assert INATURALIST.at(source).answers == ("Acer rubrum (0)", "Bufo bufo", "Acer rubrum (20)")


def test_what_cannot_be_read_is_told_by_the_images_id(source: Path) -> None:
    def spoil(document: Document) -> None:
        images = {image["id"]: image for image in document["images"]}
        annotations = {annotation["image_id"]: annotation for annotation in document["annotations"]}
        images[60]["filename"] = images[60].pop("file_name")
        images[61]["file_name"] = "../outside.jpg"
        images[62]["file_name"] = "train_val2019/Animals/gone.jpg"
        annotations[63]["category_id"] = 77
        annotations[64]["image_id"] = 6400
        document["annotations"].append({"id": 1, "image_id": 65, "category_id": 999})
        document["annotations"].append({"id": 2, "image_id": 65})
        document["images"].append(dict(images[65]))

    rewrite(source, spoil)
    found = list(INATURALIST.read("test", source))
    assert len(found) == 9
    said = broken("test", source)
    assert "'file_name'. Did you mean 'filename'" in said["val2019.json: image 60"]
    assert "leaves its folder" in said["val2019.json: image 61"]
    assert "there is no image 'train_val2019/Animals/gone.jpg'" in said["val2019.json: image 62"]
    assert "the category 77 is not among the 3" in said["val2019.json: image 63"]
    assert said["val2019.json: image 64"] == "it has no annotation"
    assert "not among the images" in said["val2019.json: image 6400"]
    assert "'category_id'" in said["val2019.json: annotations[7]"]
    reasons = [r.reason for r in found if isinstance(r, Broken) and r.where == "val2019.json: image 65"]
    assert sorted(reasons) == ["another image has the same id", "its annotations name different categories"]


def test_the_same_annotation_twice_is_no_harm(source: Path) -> None:
    before = read("test", source)
    rewrite(source, lambda document: document["annotations"].append(document["annotations"][0]))
    assert [record.label for record in read("test", source)] == [record.label for record in before]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda document: document.pop("images"), "unknown or empty list 'images'"),
        (lambda document: document["annotations"].clear(), "unknown or empty list 'annotations'"),
        (lambda document: document["categories"].append(document["categories"][0]), "two categories have the same id"),
        (lambda document: document["categories"][0].pop("name"), "categories: unknown or missing field 'name'"),
    ],
)
def test_a_file_that_is_of_no_use_is_refused(source: Path, spoil: Callable[[Document], None], message: str) -> None:
    rewrite(source, spoil, "train2019.json")
    with pytest.raises(AtlasError, match=message):
        next(INATURALIST.read("train", source))


def test_no_json_is_refused(source: Path) -> None:
    (source / "train2019.json").write_text('{"images": [')
    with pytest.raises(AtlasError, match="train2019.json cannot be read as JSON"):
        INATURALIST.at(source)
    (source / "train2019.json").write_text("[]")
    with pytest.raises(AtlasError, match="unknown or empty list 'categories'"):
        INATURALIST.at(source)


def test_missing_images_are_told_with_the_missing_files(source: Path) -> None:
    (source / "train_val2019").rename(source / "images")
    (source / "val2019.json").unlink()
    with pytest.raises(AtlasError, match="2 of 3 files are missing .*: val2019.json; train_val2019/. Get iNaturalist"):
        INATURALIST.at(source)


def test_the_sources_are_the_digests_of_both_files(source: Path) -> None:
    assert set(INATURALIST.sources(source)) == {"train2019.json", "val2019.json"}
