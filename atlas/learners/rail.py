"""RAIL: ridge regression on random features of the frozen backbone, solved for all tasks seen, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Gathers, Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.readouts import HEAD, RIDGE, RIDGE_SIMILARITY, SIMILARITY
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue

    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.ridge import Statistics


@dataclass(frozen=True, kw_only=True)
class RegressionStage(Stage):
    """A task alone: the statistics of its records, and the regression by them."""

    kind: ClassVar[str] = "regression"
    closed_form: ClassVar[bool] = True
    hidden: int = 1024
    ridge: float = 0.1
    share: float = 0.9

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise UserError(f"hidden is {self.hidden}; give 1 random feature or more (the paper: 15000).")
        if not self.ridge > 0:
            raise UserError(f"ridge is {self.ridge}; give λ above 0 (its code: 0.1).")
        if not 0 <= self.share <= 1:
            raise UserError(f"share is {self.share}; give that of the regression's answer as 0 to 1 (its code: 0.9).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_head(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return RegressionHooks(context, self)


class RegressionHooks(StageHooks):
    """Gives the task its readout, and its solution; keeps the statistics."""

    def __init__(self, context: StageContext, stage: RegressionStage) -> None:
        from atlas.learners.readouts.ridge import Ridge, RidgeSettings

        self.context, self.stage = context, stage
        self.statistics: Statistics | None = None
        model, task = context.model, context.task
        kind = type(model.readout(task))
        assert issubclass(kind, Ridge)
        settings = RidgeSettings(hidden=stage.hidden, seed=context.walk_seed, share=stage.share)
        model.heads[task] = kind.of(model.backbone, model.forms[task], settings).to(model.device)

    def on_stage_end(self) -> dict[str, JsonValue]:
        """Solve W_t = (φ_tᵀφ_t + λ I)⁻¹ φ_tᵀY_t."""
        from atlas.learners.ridge import set_weights, solve, task_statistics

        context, task = self.context, self.context.task
        precision = self.stage.schedule.precision
        self.statistics = task_statistics(context.model, context.data[task], context.group, precision)
        set_weights(context.model, solve([(task, self.statistics)], self.stage.ridge))
        return {}

    def save(self, folder: Path) -> None:
        """Write `regression.safetensors`."""
        assert self.statistics is not None
        self.statistics.save(folder)


@dataclass(frozen=True, kw_only=True)
class JointRegressionStage(Stage):
    """The regression on all tasks seen, by the statistics that each of them left."""

    kind: ClassVar[str] = "joint-regression"
    gathers: ClassVar[Gathers] = "steps"
    closed_form: ClassVar[bool] = True
    ridge: float = 0.1

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.train_head(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return JointRegressionHooks(context, self.ridge)


class JointRegressionHooks(StageHooks):
    """Solves all tasks' weights anew."""

    def __init__(self, context: StageContext, ridge: float) -> None:
        self.context, self.ridge = context, ridge
        for task in context.model.heads:
            context.model.heads[task].requires_grad_(True)

    def on_stage_end(self) -> dict[str, JsonValue]:
        """Solve [W_1 … W_t] = (Σ_k φ_kᵀφ_k + λ I)⁻¹ [φ_1ᵀY_1 … φ_tᵀY_t]."""
        from atlas.learners.ridge import Statistics, set_weights, solve

        device = self.context.group.device
        steps = sorted(self.context.prior_steps, key=lambda step: step.task)
        tasks = ((step.task, Statistics.load(step.folder, device)) for step in steps)
        set_weights(self.context.model, solve(tasks, self.ridge))
        return {}


@dataclass(frozen=True, kw_only=True)
class Rail(Learner):
    """RAIL, primal (Xu et al., 2024, arXiv:2406.18868): min over W of ‖Y − φ(X) W‖² + λ ‖W‖², over all tasks so far.

    φ(x) = ReLU(x R) are `hidden` random features of the frozen backbone's outputs (`readouts/ridge.py`), drawn once a
    seed of the sweep; Y has a column for each class of every task. The paper's recursion over the tasks, with memory
    M_t = M_{t−1} − M_{t−1} φ_tᵀ (I + φ_t M_{t−1} φ_tᵀ)⁻¹ φ_t M_{t−1} and
    W_t = [W_{t−1} − M_t φ_tᵀφ_t W_{t−1}, M_t φ_tᵀY_t], is equal to the solution over all their records (its Theorem 1),
    which is what is solved here: M_t⁻¹ = λ I + Σ_k φ_kᵀφ_k. Each task's φᵀφ and φᵀY are kept with a step of its own,
    and added up. So the lineage is `set`: the order of the tasks has no effect at all, all orders share a task's step,
    no record is kept, and no gradient taken (of the schedule the precision alone counts).

    With the readout `similarity` an answer is (1 − β) softmax(zero-shot) + β φ(x) W, β = `share`, as the paper fuses
    the two for what is of a learnt task; what is of none is answered by the backbone alone. With `head` it is φ(x) W.
    Outputs of texts, soft scores and texts that compete are this project's extension; the paper's tasks have images
    alone. `ridge` and `share` are those of its code; `hidden` is 15,000 in the paper, at which a task's step takes
    0.9 GB.
    """

    name: ClassVar[str] = "rail"
    lineage: ClassVar[Lineage] = "set"
    adapts: ClassVar[bool] = False
    closed_form: ClassVar[bool] = True
    no_captions: ClassVar[str] = "its regression is on classes"
    readouts: ClassVar[tuple[str, ...] | None] = (HEAD, SIMILARITY)
    schedule: Schedule = field(default_factory=Schedule)
    hidden: int = 1024
    ridge: float = 0.1
    share: float = 0.9

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        schedule = Schedule(steps=0, precision=self.schedule.precision)
        readout = RIDGE if self.readout == HEAD else RIDGE_SIMILARITY
        alone = RegressionStage(
            schedule=schedule, readout=readout, hidden=self.hidden, ridge=self.ridge, share=self.share
        )
        if position == 0:
            return (alone,)
        return (alone, JointRegressionStage(schedule=schedule, readout=readout, ridge=self.ridge))

    def given(self, stage: Stage) -> Stage:
        return stage
