from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.published.vqa import SCORES, VAL, VQA, vocabulary
from atlas.tasks.reading.splits import held_out
from atlas.tasks.sample import Skipped
from tests.tasks.raw_vision_language import VQA_FILES, change_json, read, write_vqa

TRAIN_QUESTIONS, TRAIN, TEST_QUESTIONS, TEST = (name.format(part) for part in ("train", "val") for name in VQA_FILES)


def people(*answers: str) -> list[dict[str, Any]]:
    return [{"answer": answer, "answer_confidence": "yes", "answer_id": i + 1} for i, answer in enumerate(answers)]


def change_annotation(path: Path, place: int, change: Callable[[dict[str, Any]], object]) -> None:
    change_json(path, lambda document: change(document["annotations"][place]))


def test_the_classes_are_the_frequent_answers_of_the_training_questions(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    assert vocabulary(source) == ("2", "no", "yes")
    assert VQA.at(source).answers == ("2", "no", "yes")
    assert VQA.at(source).chance == 0


def test_an_answer_counts_in_its_normal_form_and_nine_times_are_enough(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    spelt = ["A Bus", "the bus", "bus."] * 3 + ["tram"] * 8

    def rename(document: Any) -> None:
        for one, answer in zip(document["annotations"], spelt, strict=False):
            one["multiple_choice_answer"] = answer

    change_json(source / TRAIN, rename)
    assert vocabulary(source) == ("2", "bus", "no", "yes")


def test_the_answers_of_the_reporting_questions_make_no_class(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)

    def rename(document: Any) -> None:
        document["annotations"] *= 9
        for one in document["annotations"]:
            one["multiple_choice_answer"] = "leak"

    change_json(source / TEST, rename)
    assert "leak" not in vocabulary(source)


@pytest.mark.parametrize(("given", "score"), [(0, None), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (5, 1.0), (10, 1.0)])
def test_an_answer_scores_by_how_many_people_gave_it(given: int, score: float | None, tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    answers = people(*["yes"] * given, *["dunno"] * (10 - given))
    change_annotation(source / TEST, 0, lambda one: one.update(answers=answers))
    record = read(VQA, "test", source)[0][0]
    assert record.label == (() if score is None else ((2, score),))
    assert SCORES[0] == 0


def test_spellings_of_one_answer_score_together(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    answers = people("Yes", "yes.", "the yes", "two", "2", *["dunno"] * 5)
    change_annotation(source / TEST, 0, lambda one: one.update(answers=answers))
    assert read(VQA, "test", source)[0][0].label == ((0, 0.6), (2, 0.9))


def test_a_question_finds_its_answers_by_id_and_not_by_position(tmp_path: Path) -> None:
    records, broken = read(VQA, "test", write_vqa(tmp_path))
    assert not broken
    assert len(records) == 8
    assert records[0].id == "100001000"
    assert records[0].texts == ("What is 0 in 100001?",)
    assert records[0].pictures[0].name == "COCO_val2014_000000100001.jpg"


def test_a_twentieth_of_the_training_images_with_all_their_questions_is_val(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    images = {split: {one.pictures[0].name for one in read(VQA, split, source)[0]} for split in ("train", "val")}
    kept = {f"COCO_train2014_{image:012d}.jpg" for image in range(1, 61) if held_out("vqa", str(image), VAL)}
    assert images["val"] == kept
    assert len(images["train"]) == 60 - len(kept)
    assert 0 < len(kept) < 10


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_question_without_any_class_is_skipped_in_train_alone(split: str, tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    path = source / (TEST if split == "test" else TRAIN)
    sound = len(read(VQA, split, source)[0])

    def strange(document: Any) -> None:
        for one in document["annotations"]:
            one["answers"] = people("who", "knows")

    change_json(path, strange)
    records, broken = read(VQA, split, source)
    if split == "train":
        assert not records
        assert len(broken) == sound
        assert all(isinstance(one, Skipped) and "none of its answers is a class" in one.reason for one in broken)
    else:
        assert not broken
        assert [record.label for record in records] == [()] * sound


@pytest.mark.parametrize("home", ["images", "images/{}"])
def test_images_may_lie_in_one_folder_or_in_two_below_it(home: str, tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    for part in ("train2014", "val2014"):
        folder = source / home.format(part)
        folder.mkdir(parents=True, exist_ok=True)
        for path in (source / part).iterdir():
            path.rename(folder / path.name)
        (source / part).rmdir()
    task = VQA.at(source)
    assert not any(read(task, split, source)[1] for split in ("train", "val", "test"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.update(question_ids=one.pop("question_id")), "'question_id'. Did you mean 'question_ids'"),
        (lambda one: one.update(question_id="7"), "is '7', a str"),
        (lambda one: one.update(question_id=7), "no question 7"),
        (lambda one: one.update(question_id=100001001), "another record has the id '100001001'"),
        (lambda one: one.update(image_id=7), "no image 'COCO_val2014_000000000007.jpg'"),
        (lambda one: one.update(image_id=-7), "'image_id' is -7"),
        (lambda one: one.update(answer=one.pop("answers")), "'answers'. Did you mean 'answer'"),
        (lambda one: one.update(answers=[]), "'answers' is empty"),
        (lambda one: one.update(answers=["yes"]), "missing field 'answer'"),
        (lambda one: one.update(answers=[{"answr": "yes"}]), "'answer'. Did you mean 'answr'"),
        (lambda one: one.pop("multiple_choice_answer"), "'multiple_choice_answer'"),
    ],
)
def test_a_record_that_cannot_be_used_is_told_by_file_and_place(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    source = write_vqa(tmp_path)
    change_annotation(source / TEST, 2, change)
    records, broken = read(VQA, "test", source)
    assert len(records) == 7
    assert [one.where.partition(":")[0] for one in broken] == [TEST]
    assert said in broken[0].reason
    assert not isinstance(broken[0], Skipped)


def test_an_annotation_that_is_no_object_is_told(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    change_json(source / TEST, lambda document: document["annotations"].__setitem__(3, "lost"))
    records, (broken,) = read(VQA, "test", source)
    assert len(records) == 7
    assert broken.where == f"{TEST}: annotations[3]"
    assert "a str, no object" in broken.reason


def test_a_question_that_cannot_be_read_breaks_its_annotation(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    rename = lambda document: document["questions"][0].update(text=document["questions"][0].pop("question"))  # noqa: E731
    change_json(source / TEST_QUESTIONS, rename)
    records, (broken,) = read(VQA, "test", source)
    assert len(records) == 7
    assert f"no question 100004001. {TEST_QUESTIONS}: questions[0]" in broken.reason
    assert "missing field 'question'" in broken.reason


@pytest.mark.parametrize("file", [TRAIN, TRAIN_QUESTIONS])
def test_a_file_cut_short_ends_the_reading(file: str, tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    text = (source / file).read_text()
    (source / file).write_text(text[: len(text) // 2])
    with pytest.raises(AtlasError, match=f"{file} cannot be read as JSON.*Download it again"):
        list(VQA.read("train", source))


def test_a_list_under_another_name_names_the_nearest(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    change_json(source / TEST, lambda document: document.update(annotation=document.pop("annotations")))
    with pytest.raises(AtlasError, match="'annotations'. Did you mean 'annotation'"):
        list(VQA.read("test", source))


def test_questions_none_of_which_can_be_read_end_the_reading(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    (source / TEST_QUESTIONS).write_text(json.dumps({"questions": [{"question_id": "7", "question": "Is it?"}]}))
    with pytest.raises(AtlasError, match="no question can be read.*'question_id' is '7'"):
        list(VQA.read("test", source))


def test_answers_none_of_which_is_frequent_are_refused(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    change_json(source / TRAIN, lambda document: document.update(annotations=document["annotations"][:8]))
    with pytest.raises(AtlasError, match="is that of 9 questions, so there is no class"):
        VQA.at(source)


def test_a_changed_file_is_counted_anew(tmp_path: Path) -> None:
    source = write_vqa(tmp_path)
    assert "no" in vocabulary(source)

    def rename(document: Any) -> None:
        for one in document["annotations"]:
            one["multiple_choice_answer"] = "perhaps"

    change_json(source / TRAIN, rename)
    assert vocabulary(source) == ("perhaps",)
