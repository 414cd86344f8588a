"""One adapter that all tasks share, trained on each in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


@dataclass(frozen=True, kw_only=True)
class SharedAdapterStage(Stage):
    """The task's head and the shared adapter, starting from its weights after the task before, which it replaces."""

    kind: ClassVar[str] = "sharing"
    replaces: ClassVar[bool] = True
    adapter: str = "bottleneck"
    rank: int = 48

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank is {self.rank}; an adapter needs a rank of 1 or more (the paper: 48).")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.share_adapter(task, generator, kind=self.adapter, r=self.rank, combination="uniform")
        model.ensure_head(task, generator)
        model.train_expansion(task)


@dataclass(frozen=True, kw_only=True)
class SharedAdapter(Learner):
    """One shared adapter over the frozen backbone: out = Φ(h), min over Φ and φ_t of L_t, from Φ_{t−1} on.

    The adapters are Houlsby et al.'s (2019) at both sites of a layer; as many parameters as one single-task adapter,
    for all tasks, and forgetting as in fine-tuning. `Adapters`, shared, of CLiMB (Srinivasan et al., 2022). It has
    neither keys nor queries.
    """

    name: ClassVar[str] = "shared-adapter"
    lineage: ClassVar[Lineage] = "sequence"
    schedule: Schedule = field(default_factory=Schedule)
    adapter: str = "bottleneck"
    rank: int = 48

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (SharedAdapterStage(schedule=self.schedule, adapter=self.adapter, rank=self.rank),)
