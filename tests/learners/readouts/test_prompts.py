"""The prompts of a task's classes: its own templates, or the usual ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from atlas.learners.readouts.prompts import TEMPLATE, class_prompts, own_templates
from atlas.tasks import find_task

TWIN = find_task("mnist-twin")


def test_a_class_is_put_into_the_templates_of_its_task() -> None:
    assert class_prompts("shapes", ("red", "a {}"), ("a {} .", "the {} ?")) == [
        ["a red .", "a a {} ."],
        ["the red ?", "the a {} ?"],
    ]
    assert class_prompts("shapes", ("red",)) == [["a photo of a red ."]]
    assert class_prompts("digits", ("1",)) == [["a photo of the digit 1 ."], ["the digit 1 ."]]


def test_templates_of_a_task_count_where_pictures_alone_are_compared_with_names() -> None:
    assert own_templates(TWIN) == TWIN.templates
    assert own_templates(replace(TWIN, modality="vision-language")) == ()


@pytest.mark.parametrize("templates", [(), (TEMPLATE,)])
def test_the_usual_templates_are_not_said(templates: tuple[str, ...]) -> None:
    assert own_templates(replace(TWIN, templates=templates)) == ()
