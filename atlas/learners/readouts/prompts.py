"""The prompts of a task's classes: texts that an image is compared with. Thin: no torch."""

from __future__ import annotations

ANSWER = "{}"
TEMPLATE = "a photo of a {} ."
# Of a task whose records have no text of their own, by its name; TEMPLATE for any other.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "digits": ("a photo of the digit {} .", "the digit {} ."),
}


def class_prompts(task: str, answers: tuple[str, ...]) -> list[list[str]]:
    """For each template the prompts of all classes."""
    return [[form.format(answer) for answer in answers] for form in TEMPLATES.get(task, (TEMPLATE,))]
