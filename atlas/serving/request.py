"""A record to answer, as it is sent to a registered model, and the batch of one that the model takes."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.runtime.shortened import shortened
from atlas.runtime.text import counted, first_line
from atlas.serving.model_record import ServedTask
from atlas.tasks.reading.files import decoded

if TYPE_CHECKING:
    import numpy as np

    from atlas.backbones.processor import Processor
    from atlas.data.loader import Batch

SHOWN = 60  # letters of a text in an error
NO_TEXT = "this is an image ."  # the text of tasks that have none


@dataclass(frozen=True, kw_only=True)
class Request:
    """A record to answer.

    text: the text, or a JSON list of the choices where the task has several, or of captions where it has those. image:
    base64 of a PNG or JPEG, a JSON list of them where the task has two, empty where it has none.
    """

    task: str
    text: str = ""
    image: str = ""

    def batch(self, task: ServedTask, processor: Processor) -> Batch:
        """The record as a batch of one. Raises UserError for choices that are no list, and for an unreadable image."""
        import numpy as np
        import torch

        from atlas.backbones.text_rows import widest
        from atlas.data.loader import Batch

        competing = task.choices > 1 or task.kind == "captions"
        texts = self._choices() if competing else [self.text or NO_TEXT]
        pictures = [_pixels(text, processor) for text in self._images()]
        pictures = pictures or [processor.blank()] * task.images
        images = 0 if task.modality == "language" else len(pictures)
        rows, _ = processor.token_rows(texts, images=images, answered=competing)
        width = max(task.text_tokens, widest(rows, processor.pad_id))  # as wide as in training
        tokens = torch.from_numpy(rows[None, :, :width]).long()
        return Batch(
            pixels=torch.from_numpy(np.stack(pictures))[None],
            tokens=tokens,
            mask=tokens != processor.pad_id,
            targets=torch.zeros(1, dtype=torch.long),
        )

    def _choices(self) -> list[str]:
        try:
            texts = json.loads(self.text)
        except json.JSONDecodeError:
            texts = None
        if not (isinstance(texts, list) and texts and all(isinstance(one, str) for one in texts)):
            raise UserError(
                f"the text of a record of {self.task} is {shortened(self.text, SHOWN)!r}; give a JSON list of its "
                f'choices, such as ["one choice", "the other"].'
            )
        return texts

    def _images(self) -> list[str]:
        if not self.image:
            return []
        return list(json.loads(self.image)) if self.image.startswith("[") else [self.image]


def _pixels(text: str, processor: Processor) -> np.ndarray:
    """uint8 [3, S, S] of an image's base64, as in training. Raises UserError where it cannot be read or scaled."""
    try:
        return processor.pixels(decoded(io.BytesIO(base64.b64decode(text, validate=True)), "it"))
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise UserError(
            f"an image of {counted(len(text), 'character')} is not the base64 of a PNG or JPEG that can be used: "
            f"{reason}."
        ) from error
