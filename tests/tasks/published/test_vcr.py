from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tasks.published.vcr import NAMES, VAL, VCR, VCR_MARKED, sentence
from atlas.tasks.reading.regions import COLOURS
from atlas.tasks.reading.splits import held_out
from tests.tasks.raw_vision_language import IMAGES, change_json, change_line, read, write_vcr


def test_a_record_is_a_question_with_four_answers_and_names_for_persons(tmp_path: Path) -> None:
    record = read(VCR, "test", write_vcr(tmp_path))[0][1]
    question = "Why is Casey pointing at Riley and the bottle ? [SEP]"
    assert record.id == "val-1"
    assert record.texts == (
        f"{question} Casey is thirsty .",
        f"{question} Jackie is late .",
        f"{question} Nobody knows 1 .",
        f"{question} Riley likes the bottle .",
    )
    assert record.label == 1
    assert record.pictures[0].name == "lsmdc_val_FILM/val_1@0.jpg"


def test_a_person_is_called_by_its_number_whatever_stands_before_it() -> None:
    objects = ["car", "person", *["dog"] * 49, "person"]
    assert sentence([[1], "and", [51]], objects, coloured=False) == f"{NAMES[1]} and {NAMES[1]}"
    assert len(set(NAMES)) == 50


def test_a_token_may_be_a_bare_number() -> None:
    assert sentence(["Is", 0, "ill", "?"], ["person"], coloured=False) == "Is Casey ill ?"


def test_marked_regions_have_the_colours_that_the_text_says(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    record = read(VCR_MARKED, "test", source)[0][0]
    assert record.texts[3].endswith("Riley likes the yellow bottle .")
    assert record.pictures[0].name == "lsmdc_val_FILM/val_0@0.jpg#0,1,2,3"
    with record.pictures[0].open() as image:
        assert image.getpixel((2, 10)) == COLOURS["red"]
        assert image.getpixel((14, 10)) == COLOURS["green"]
        assert image.getpixel((24, 10)) == COLOURS["yellow"]
        assert image.getpixel((35, 5)) == COLOURS["blue"]


def test_only_objects_that_are_mentioned_are_marked(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    change_line(
        source / "val.jsonl", 1, lambda row: row.update(answer_choices=[["So", [0], "."]] * 4, question=["Who?"])
    )
    change_line(source / "val.jsonl", 2, lambda row: row.update(answer_choices=[["So", "."]] * 4, question=["Who?"]))
    names = [record.pictures[0].name for record in read(VCR_MARKED, "test", source)[0][:2]]
    assert names == ["lsmdc_val_FILM/val_0@0.jpg#0", "lsmdc_val_FILM/val_1@0.jpg"]


def test_both_forms_have_the_same_ids_labels_and_splits(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    for split in ("train", "val", "test"):
        plain, drawn = (read(task, split, source)[0] for task in (VCR, VCR_MARKED))
        assert [(one.id, one.label) for one in plain] == [(one.id, one.label) for one in drawn]


def test_a_twentieth_of_the_training_images_is_val(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    images = [f"lsmdc_train_FILM/train_{i}@0.jpg" for i in range(IMAGES["train"])]
    kept = [image for image in images if held_out("vcr", image, VAL)]
    assert [record.pictures[0].name for record in read(VCR, "val", source)[0]] == kept
    assert len(read(VCR, "train", source)[0]) == len(images) - len(kept)


def test_questions_about_one_image_stay_in_one_split(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    path = source / "train.jsonl"
    for number in range(2, 21):
        change_line(path, number, lambda row: row.update(img_fn="lsmdc_train_FILM/train_0@0.jpg"))
    counts = [
        sum(record.pictures[0].name == "lsmdc_train_FILM/train_0@0.jpg" for record in read(VCR, split, source)[0])
        for split in ("train", "val")
    ]
    assert sorted(counts) == [0, 20]


def test_annotations_may_lie_in_the_folder_of_their_archive(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    (source / "vcr1annots").mkdir()
    for name in ("train.jsonl", "val.jsonl"):
        (source / name).rename(source / "vcr1annots" / name)
    assert len(read(VCR.at(source), "test", source)[0]) == IMAGES["val"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: row.update(answer_label=4), "the label is 4; it should be 0 to 3"),
        (lambda row: row.update(answer_label="1"), "'answer_label' is '1', a str"),
        (lambda row: row.pop("answer_label"), "missing field 'answer_label'"),
        (lambda row: row.update(answer_choice=row.pop("answer_choices")), "Did you mean 'answer_choice'"),
        (lambda row: row.update(answer_choices=[["So"]] * 3), "has 3 answers; it should have 4"),
        (lambda row: row.update(answer_choices=[["So"], [], ["No"], ["Yes"]]), "should have 4 lists"),
        (lambda row: row.update(question=["Who", "is", [4], "?"]), "mentions object 4 of 4"),
        (lambda row: row.update(question=["Who", "is", [-1], "?"]), "mentions object -1 of 4"),
        (lambda row: row.update(question=["Who", "is", [], "?"]), "mentions object [] of 4"),
        (lambda row: row.update(question=["Who", "is", True, "?"]), "mentions object True of 4"),
        (lambda row: row.update(question=["Who", "is", {"a": 1}, "?"]), "mentions object {'a': 1} of 4"),
        (lambda row: row.update(question=[]), "'question' is blank"),
        (lambda row: row.update(objects=[1, 2, 3, 4]), "object 0 is 1, a int"),
        (lambda row: row.update(image_fn=row.pop("img_fn")), "'img_fn'. Did you mean 'image_fn'"),
        (lambda row: row.update(img_fn="../val.jsonl"), "leaves its folder"),
        (lambda row: row.update(annot_id="val-0"), "another record has the id 'val-0'"),
    ],
)
def test_a_record_that_cannot_be_used_is_told_by_file_and_line(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    source = write_vcr(tmp_path)
    change_line(source / "val.jsonl", 3, change)
    records, (broken,) = read(VCR, "test", source)
    assert len(records) == IMAGES["val"] - 1
    assert broken.where == "val.jsonl:3"
    assert said in broken.reason


def test_boxes_are_needed_where_regions_are_marked_alone(tmp_path: Path) -> None:
    source = write_vcr(tmp_path)
    change_json(source / "vcr1images/lsmdc_val_FILM/val_2@0.json", lambda facts: facts.update(boxes=facts["boxes"][:2]))
    (source / "vcr1images/lsmdc_val_FILM/val_3@0.json").unlink()
    assert not read(VCR, "test", source)[1]
    records, broken = read(VCR_MARKED, "test", source)
    assert len(records) == IMAGES["val"] - 2
    assert [one.where for one in broken] == ["val.jsonl:3", "val.jsonl:4"]
    assert "object 2 has no box" in broken[0].reason
    assert "no metadata" in broken[1].reason
