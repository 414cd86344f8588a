"""A prepared task as learners get it."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.data.loader import Split
from atlas.learners.readouts.readout import AnswerForm
from atlas.tasks.task import AnswerKind, Modality


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """One task's memory-mapped splits, and its card's scoring, number of logits, images a record, classes, modality and
    kind of answers.
    """

    name: str
    scoring: str
    outputs: int
    images: int
    splits: dict[str, Split]
    answers: tuple[str, ...] = ()
    modality: Modality = "vision-language"
    kind: AnswerKind = "classes"

    @property
    def form(self) -> AnswerForm:
        """The form of its answers."""
        return AnswerForm(
            task=self.name,
            outputs=self.outputs,
            images=self.images,
            answers=self.answers,
            modality=self.modality,
            kind=self.kind,
            most_tokens=next((split.width for split in self.splits.values()), None),
        )
