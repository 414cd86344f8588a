"""The stage that trains nothing: scores of a model beyond those of the tasks that it has learnt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Stage
from atlas.learners.settings import UNSAID

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class EvaluationStage(Stage):
    """Scores of the model as it is after a step, or of the bare backbone: of tasks to come, and on route `free`.

    Nothing is trained, and nothing but the scores is kept. `label_space`: the tasks whose classes compete on route
    `free`, sorted by name; without any that route is not scored.
    """

    kind: ClassVar[str] = "evaluation"
    evaluates: ClassVar[bool] = True
    label_space: tuple[str, ...] = field(default=(), metadata={UNSAID: True})

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.requires_grad_(False)
