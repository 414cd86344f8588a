from __future__ import annotations

import pytest

from atlas.tasks.offline import easy_vqa
from atlas.tasks.offline.easy_vqa import (
    ANSWERS,
    COLOURS,
    EASY_VQA,
    SHAPES,
    Question,
    known_facts,
    questions,
    split_questions,
)


def asked(*pairs: tuple[str, str]) -> list[Question]:
    return [Question(text=text, answer=answer, image=0) for text, answer in pairs]


def test_the_splits_are_the_packages_and_a_tenth_of_the_training_images() -> None:
    assert len(split_questions("test")) == 9673
    assert len(split_questions("train")) + len(split_questions("val")) == len(questions("train")) == 38575
    assert len({question.image for question in split_questions("val")}) == 400


def test_the_answers_are_the_packages() -> None:
    from easy_vqa import get_answers

    assert set(ANSWERS) == set(get_answers())
    assert len(ANSWERS) == 13


def test_a_record_pairs_the_packages_question_with_its_image() -> None:
    record = next(EASY_VQA.read("test", None))
    question = questions("test")[int(record.id.removeprefix("test-"))]
    assert record.texts == (question.text,)
    assert record.label == ANSWERS.index(question.answer)
    assert record.pictures[0].name == f"test/{question.image}"
    with record.pictures[0].open() as image:
        assert image.size == (64, 64)


@pytest.mark.parametrize(
    ("pairs", "colour", "shape"),
    [
        ([("what color is the circle?", "red")], "red", "circle"),
        ([("what is the blue shape?", "rectangle")], "blue", "rectangle"),
        ([("is there a teal shape?", "yes")], "teal", None),
        ([("is there not a teal shape?", "no"), ("is there a circle?", "no")], "teal", None),
        ([("is no circle present?", "yes"), ("is a triangle present?", "no")], None, "rectangle"),
        ([("does the image not contain a circle?", "yes")], None, None),
    ],
)
def test_questions_prove_colour_and_shape(pairs: list[tuple[str, str]], colour: str | None, shape: str | None) -> None:
    assert easy_vqa.proven(asked(*pairs), COLOURS) == colour
    assert easy_vqa.proven(asked(*pairs), SHAPES) == shape


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_no_question_contradicts_the_facts_of_its_image(split: str) -> None:
    facts = known_facts(split)
    for question in split_questions(split):
        for names, fact in ((COLOURS, facts[question.image].colour), (SHAPES, facts[question.image].shape)):
            name = easy_vqa.mentioned(question.text, names)
            if fact and name:
                assert easy_vqa.present(question) == (name == fact)
            if fact and question.answer in names:
                assert question.answer == fact


def test_the_facts_are_what_the_pixels_show() -> None:
    """The colour of the middle of a test image, where the shape covers it, has the named channel on top."""
    top = {"red": 0, "green": 1, "blue": 2}
    agree = []
    for image, facts in known_facts("test").items():
        if facts.colour in top:
            with easy_vqa.picture("test", image).open() as decoded:
                colours = decoded.convert("RGB").getcolors(64 * 64)
            dark = max((count, colour) for count, colour in colours if sum(colour) < 600)[1]
            agree.append(dark.index(max(dark)) == top[facts.colour])
    assert sum(agree) / len(agree) > 0.95


def test_the_sources_name_version_and_files() -> None:
    sources = EASY_VQA.sources(None)
    assert sources["package easy-vqa"]
    assert len(sources["train/questions.json"]) == 64
