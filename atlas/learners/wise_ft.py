"""WiSE-FT: fine-tuning whose weights are then interpolated with those from before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class WiseFtStage(Stage):
    """The task's head and the whole backbone; at the end, the share `alpha` of the way from the old weights on."""

    kind: ClassVar[str] = "interpolated-tuning"
    replaces: ClassVar[bool] = True
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UserError(f"alpha is {self.alpha}; give the share of the tuned weights as 0 to 1 (the paper: 0.5).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return WiseFtHooks(context.model, self.alpha)


class WiseFtHooks(StageHooks):
    """Keeps the backbone's weights from before the stage, and interpolates with them after its last update."""

    def __init__(self, model: ContinualModel, alpha: float) -> None:
        self.model, self.alpha = model, alpha
        self.before = {name: value.detach().clone() for name, value in model.tuning.trained().items()}

    def on_stage_end(self) -> dict[str, JsonValue]:
        import torch

        with torch.no_grad():
            for name, value in self.model.tuning.trained().items():
                value.copy_(torch.lerp(self.before[name], value, self.alpha))
        return {}


@dataclass(frozen=True, kw_only=True)
class WiseFt(Learner):
    """WiSE-FT (Wortsman et al., 2022, arXiv:2109.01903): θ_t = (1 - α) θ_{t-1} + α θ', θ' = arg min L_t from θ_{t-1}.

    θ_0 is the pre-trained backbone, so that the first task's weights are those of the paper; over a sequence they are
    interpolated with those after the task before, as ZSCL's comparison does (Zheng et al., 2023). The head is the one
    that was trained with θ': an answer by similarity, as in the paper, has none. α = 1 is `fine-tuning`, α = 0 leaves
    the backbone as it is.
    """

    name: ClassVar[str] = "wise-ft"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)
    alpha: float = 0.5

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (WiseFtStage(schedule=self.schedule, alpha=self.alpha),)
