"""The prompts of a task's classes: texts that an image is compared with. Thin: no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted

if TYPE_CHECKING:
    from atlas.backbones.processor import Processor
    from atlas.tasks.task import Modality, Task

ANSWER = "{}"
TEMPLATE = "a photo of a {} ."
# Of a task that names no templates, by its own name; TEMPLATE for any other.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "digits": ("a photo of the digit {} .", "the digit {} ."),
}


def usual_templates(task: str) -> tuple[str, ...]:
    """The templates of a task that names none."""
    return TEMPLATES.get(task, (TEMPLATE,))


def own_templates(task: Task) -> tuple[str, ...]:
    """The templates that decide what `similarity` answers for the task; none where the usual ones do.

    A record with a text of its own is compared with that text, whatever templates the task names.
    """
    asked = task.templates if task.modality == "vision" and task.answer_kind in ("classes", "soft") else ()
    return () if asked == usual_templates(task.name) else asked


def class_prompts(task: str, answers: tuple[str, ...], templates: tuple[str, ...] = ()) -> list[list[str]]:
    """For each template, or usual one where there is none, the prompts of all classes."""
    return [[form.replace(ANSWER, answer) for answer in answers] for form in templates or usual_templates(task)]


def check_class_words(
    task: str,
    answers: tuple[str, ...],
    *,
    modality: Modality,
    processor: Processor,
    templates: tuple[str, ...] = (),
) -> None:
    """Raises UserError for a class whose words, or whose prompt, have more tokens than the processor gives a text."""
    forms = class_prompts(task, answers, templates) if modality == "vision" else [list(answers)]
    for texts in forms:
        for answer, encoded in zip(answers, processor.uncut.encode_batch(texts), strict=True):
            if len(encoded.ids) > processor.max_tokens:
                raise UserError(
                    f"--readout similarity: the words of {task}'s class {answer!r} take "
                    f"{counted(len(encoded.ids), 'token')}, and a text has {processor.max_tokens} at most: give more "
                    f"--tokens (the backbone takes "
                    f"{processor.most_tokens}), leave the task out, or give --readout head."
                )
