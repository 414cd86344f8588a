"""Layouts and rules of MTIL's data sets that differ between releases; the contract suite reads each of them whole."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.runtime.text import by_number, counted
from atlas.tasks import SPLITS, TASKS, Record, find_task
from atlas.tasks.published import caltech101, eurosat, flowers102, mnist, oxford_pets, stanford_cars, sun397
from atlas.tasks.sample import NO_TEXT, Broken
from tests.tasks.raw_images import FEW, IMAGE_SETS, RAW

CLASSES = {"aircraft": 100, "caltech101": 101, "cifar100": 100, "dtd": 47, "eurosat": 10, "flowers102": 102}
CLASSES |= {"food101": 101, "mnist": 10, "oxford-pets": 37, "stanford-cars": 196, "sun397": 397}


def ids(name: str, source: Path) -> dict[str, set[str]]:
    return {split: {one.id for one in TASKS[name].read(split, source) if isinstance(one, Record)} for split in SPLITS}


def test_the_published_numbers_of_classes_are_declared() -> None:
    assert sorted(CLASSES) == list(IMAGE_SETS)
    for name, classes in CLASSES.items():
        assert TASKS[name].chance == pytest.approx(100 / classes)


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_it_works_as_image_classification_and_names_templates_for_its_classes(name: str) -> None:
    task = find_task(name)
    assert (task.modality, task.score, task.images, task.choices) == ("vision", "accuracy", 1, 1)
    assert all(template.count("{}") == 1 for template in task.templates)


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_an_empty_folder_is_told_all_that_it_lacks_in_one_message(name: str, tmp_path: Path) -> None:
    layout = TASKS[name].layout
    assert layout
    with pytest.raises(AtlasError) as caught:
        TASKS[name].at(tmp_path)
    message = str(caught.value)
    count, are = len(layout.needs), by_number(len(layout.needs), "is", "are")
    assert f"{count} of {counted(count, 'file')} {are} missing under {tmp_path}" in message
    assert all(path in message for need in layout.needs for path in need.paths)
    assert "https://" in message


def test_aircraft_may_lie_as_coop_has_it(tmp_path: Path) -> None:
    whole, flat = tmp_path / "whole", tmp_path / "flat"
    RAW["aircraft"](whole)
    shutil.copytree(whole / "data", flat)
    found, expected = ids("aircraft", flat), ids("aircraft", whole)
    assert {split: {f"data/{name}" for name in names} for split, names in found.items()} == expected
    assert TASKS["aircraft"].at(flat).answers == TASKS["aircraft"].at(whole).answers


@pytest.mark.parametrize("name", ["caltech101", "eurosat", "sun397"])
def test_without_a_published_split_a_seeded_one_is_drawn(name: str, tmp_path: Path) -> None:
    """The folder alone, as torchvision leaves it, has the same pictures in splits that do not depend on others."""
    source = RAW[name](tmp_path)
    with_split = ids(name, source)
    next(source.glob("split_zhou_*.json")).unlink()
    found = ids(name, source)
    assert set().union(*found.values()) == set().union(*with_split.values())
    assert sum(map(len, found.values())) == FEW.train + FEW.val + FEW.test
    assert found != with_split
    first = next(source / one for one in sorted(found["train"]))
    first.unlink()
    assert ids(name, source) == found | {"train": found["train"] - {first.relative_to(source).as_posix()}}


def test_the_split_of_coop_decides_where_it_lies_in_the_source(tmp_path: Path) -> None:
    source = RAW["food101"](tmp_path)
    before, digests = ids("food101", source), TASKS["food101"].sources(source)
    chosen = sorted(set().union(*before.values()))[:3]
    lists = {split: [[name.removeprefix("images/"), 0, "one_dish"]] for split, name in zip(SPLITS, chosen, strict=True)}
    (source / "split_zhou_Food101.json").write_text(json.dumps(lists))
    task = find_task("food101").at(source)
    assert ids("food101", source) == {split: {name} for split, name in zip(SPLITS, chosen, strict=True)}
    assert task.answers == ("one dish",)
    assert set(task.sources(source)) == {*digests, "split_zhou_Food101.json"}


def test_flowers_may_be_split_by_coop_alone(tmp_path: Path) -> None:
    source = RAW["flowers102"](tmp_path)
    (source / flowers102.SPLIT_IDS).unlink()
    lists = {split: [[f"image_{number:05d}.jpg", 0, "rose"]] for number, split in enumerate(SPLITS, start=1)}
    (source / flowers102.COOP.file).write_text(json.dumps(lists))
    assert find_task("flowers102").at(source).answers == ("rose",)
    assert ids("flowers102", source)["train"] == {"jpg/image_00001.jpg"}


def test_flowers_have_their_published_names_where_no_file_names_them(tmp_path: Path) -> None:
    source = RAW["flowers102"](tmp_path)
    (source / flowers102.NAMES).unlink()
    assert find_task("flowers102").at(source).answers == flowers102.FLOWERS[:12]
    assert (len(flowers102.FLOWERS), flowers102.FLOWERS[73], flowers102.FLOWERS[-1]) == (102, "rose", "blackberry lily")


def test_mnist_may_be_gzipped_and_a_broken_pair_is_refused(tmp_path: Path) -> None:
    source = RAW["mnist"](tmp_path)
    before = ids("mnist", source)
    for name in mnist.FILES["train"]:
        (source / f"{name}.gz").write_bytes(gzip.compress((source / name).read_bytes()))
        (source / name).unlink()
    assert ids("mnist", source) == before
    shutil.copy(source / mnist.FILES["test"][1], source / mnist.FILES["train"][1])
    with pytest.raises(AtlasError, match="download both again"):
        ids("mnist", source)


def test_a_picture_of_mnist_is_dealt_by_its_pixels(tmp_path: Path) -> None:
    """Two that are the same are never in two splits of the training file."""
    source = RAW["mnist"](tmp_path)
    keys = [one.key for _, one in mnist.pictures(source, "train")]
    assert all(len(key) == 64 for key in keys)
    assert len(set(keys)) > 1


def test_comments_of_pets_are_left_out_and_other_lines_broken(tmp_path: Path) -> None:
    source = RAW["oxford-pets"](tmp_path)
    path = source / oxford_pets.LISTS["test"]
    path.write_text("#Image CLASS-ID SPECIES BREED\n" + path.read_text() + "nonsense\n")
    found = list(TASKS["oxford-pets"].read("test", source))
    (broken,) = (one for one in found if isinstance(one, Broken))
    assert broken.where == f"test.txt:{FEW.test + 2}"
    assert "three numbers" in broken.reason
    assert len(found) == FEW.test + 1


def test_names_in_words_are_those_that_people_write() -> None:
    assert stanford_cars.year_first("Audi A5 Coupe 2012") == "2012 Audi A5 Coupe"
    assert stanford_cars.year_first("plain star") == "plain star"
    assert sun397.named("a/apartment_building/outdoor") == "outdoor apartment building"
    assert eurosat.NAMES["SeaLake"] == "lake or sea"
    assert eurosat.spaced("DottedRedStar") == "dotted red star"
    assert caltech101.NAMES["Faces"] == "off-center face"


def test_the_background_of_caltech_is_no_class(tmp_path: Path) -> None:
    source = RAW["caltech101"](tmp_path)
    next(source.glob("split_zhou_*.json")).unlink()
    before = ids("caltech101", source)
    folder = source / caltech101.IMAGES / caltech101.BACKGROUND
    folder.mkdir()
    shutil.copy(next((source / caltech101.IMAGES).rglob("*.jpg")), folder / "image_0001.jpg")
    assert ids("caltech101", source) == before
    assert caltech101.BACKGROUND not in " ".join(find_task("caltech101").at(source).answers)


def test_a_class_that_no_list_has_breaks_its_picture_alone(tmp_path: Path) -> None:
    source = RAW["dtd"](tmp_path)
    with (source / "labels/test1.txt").open("a") as file:
        file.write("unheard/unheard_0001.jpg\n")
    found = list(TASKS["dtd"].read("test", source))
    (broken,) = (one for one in found if isinstance(one, Broken))
    assert "'unheard' is none of the 9 of dtd" in broken.reason
    assert all(one.texts == (NO_TEXT,) for one in found if isinstance(one, Record))
