"""The prompts of a task's classes: texts that an image is compared with. Thin: no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted

if TYPE_CHECKING:
    from atlas.backbones.processor import Processor
    from atlas.tasks.task import Modality

ANSWER = "{}"
TEMPLATE = "a photo of a {} ."
# Of a task whose records have no text of their own, by its name; TEMPLATE for any other.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "digits": ("a photo of the digit {} .", "the digit {} ."),
}


def class_prompts(task: str, answers: tuple[str, ...]) -> list[list[str]]:
    """For each template the prompts of all classes."""
    return [[form.format(answer) for answer in answers] for form in TEMPLATES.get(task, (TEMPLATE,))]


def check_class_words(task: str, answers: tuple[str, ...], *, modality: Modality, processor: Processor) -> None:
    """Raises UserError for a class whose words, or whose prompt, have more tokens than the processor gives a text."""
    forms = class_prompts(task, answers) if modality == "vision" else [list(answers)]
    for texts in forms:
        for answer, encoded in zip(answers, processor.uncut.encode_batch(texts), strict=True):
            if len(encoded.ids) > processor.max_tokens:
                raise UserError(
                    f"--readout similarity: the words of {task}'s class {answer!r} take "
                    f"{counted(len(encoded.ids), 'token')}, and a text has {processor.max_tokens} at most: give more "
                    f"--tokens (the backbone takes "
                    f"{processor.most_tokens}), leave the task out, or give --readout head."
                )
