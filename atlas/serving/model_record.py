"""The record of a registered model: `stack.json` in its folder, read and written here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from atlas.cluster.options import Weights
from atlas.data.card import DataCard
from atlas.learners import Precision
from atlas.runtime.errors import UserError
from atlas.runtime.names import file_name
from atlas.tasks.task import AnswerKind, Modality

if TYPE_CHECKING:
    from atlas.learners.readouts.readout import AnswerForm

FILE = "stack.json"
SCHEMA_VERSION = 2  # 1: the same fields, without a number


def registered_name(sweep: str) -> str:
    """The name of the registered model of the sweeps of that name."""
    return f"atlas-{file_name(sweep)}"


class ServedTask(BaseModel):
    """A task as the model answers it.

    outputs: classes, or 1 where choices are scored. images, choices: how many a record has. answers: the classes'
    texts. text_tokens: the length of the longest text in training, to which texts are padded. max_tokens: the number
    that longer ones are cut to; None in records of earlier versions, for as many as the backbone takes. modality:
    without `language` it has no text of its own. kind: that of its answers; records of earlier versions have none,
    since all were classes. templates: sentences that a class's name is put into; none for the usual ones.
    """

    model_config = ConfigDict(frozen=True)

    outputs: int
    images: int
    choices: int
    answers: tuple[str, ...] = ()
    text_tokens: int
    max_tokens: int | None = None
    modality: Modality = "vision-language"
    kind: AnswerKind = "classes"
    templates: tuple[str, ...] = ()

    def form(self, name: str) -> AnswerForm:
        """The form of the answers of the task of that name."""
        from atlas.learners.readouts.readout import AnswerForm  # with torch, which whoever writes a record lacks

        return AnswerForm(
            task=name,
            outputs=self.outputs,
            images=self.images,
            answers=self.answers,
            modality=self.modality,
            kind=self.kind,
            most_tokens=self.max_tokens,
            templates=self.templates,
        )

    @classmethod
    def of(cls, card: DataCard, templates: tuple[str, ...] = ()) -> ServedTask:
        """From the card of the task's prepared data, and the templates that it was trained with."""
        return cls(
            outputs=card.outputs,
            images=card.images,
            choices=card.choices,
            answers=card.answers,
            text_tokens=card.text_tokens,
            modality=card.modality,
            max_tokens=card.max_tokens,
            kind=card.answer_kind,
            templates=templates,
        )


class ModelRecord(BaseModel):
    """Metadata of a registered model: its tasks, backbone and scores.

    name, sweep: the registered model's name and the sweep that trained it. backbone: a name or a folder; digest: that
    of its weights. order: the tasks in the order in which they were trained, a folder of weights each (one for tasks
    that were trained jointly). tasks: every task that it answers. precision: that in which it was trained, and
    answers. weights: the type of the frozen weights that it was trained on, where it is not the usual one; else "".
    figures: the goal, by split, in percent.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sweep: str
    backbone: str
    digest: str
    order: tuple[str, ...]
    tasks: Mapping[str, ServedTask]
    precision: Precision = "float32"
    weights: Weights | Literal[""] = ""
    figures: Mapping[str, float | None] = {}

    @classmethod
    def read(cls, folder: Path) -> ModelRecord:
        """The record of a model's folder.

        Raises:
            UserError: the folder has none, or one that cannot be read.
        """
        path = folder / FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(f"{path} is not the record of a registered model: {error}.") from error

    def write(self, folder: Path) -> None:
        """Write it into the model's folder."""
        fields = _Written(schema_version=SCHEMA_VERSION, **dict(self))
        (folder / FILE).write_text(fields.model_dump_json(indent=1))


class _Written(ModelRecord):
    """The record as it is in the file."""

    schema_version: int
