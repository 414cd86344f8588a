"""What a learner is: for every position of an order, the stages by which its task is learnt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Precision, Schedule

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel

Lineage = Literal["sequence", "set", "none"]
Gathers = Literal["nothing", "steps", "data"]


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One stage of learning one task: a value that holds all settings that decide its result, and nothing else.

    `last` says that the task is learnt once this stage is over: every task seen so far is scored then, otherwise
    the newest alone. `gathers` is for the lineage `set`: what of the tasks seen before the stage takes in, in no
    order: what the stage before brought for each of them (`steps`), or their `data`, to be learnt all together.
    `replaces` says that what it brings stands in for what the step before brought (a changed backbone, a shared
    adapter), of which only the heads are needed then. `rehearses` says that each update takes a batch of earlier
    tasks beside the task's own. `source` is the digest of the user's own file that it comes from.
    """

    kind: ClassVar[str]
    source: ClassVar[str] = ""
    gathers: ClassVar[Gathers] = "nothing"
    replaces: ClassVar[bool] = False
    rehearses: ClassVar[bool] = False
    schedule: Schedule
    last: bool = True

    @abstractmethod
    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        """Give `model` the stage's new parameters, drawn from `generator`, and mark what is trained."""

    def penalty(self, model: ContinualModel, task: str) -> torch.Tensor | None:
        """What is added to the task's loss (a scalar), or None."""
        return None

    def recall(self, lesson: StageContext) -> StageHooks:
        """What the stage recalls of the past while it learns, once it has begun."""
        return StageHooks()

    def settings(self) -> dict[str, Any]:
        """The stage as plain JSON values, its kind included, and its source where it has one."""
        return {"kind": self.kind, **({"source": self.source} if self.source else {}), **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Learner(ABC):
    """A way of learning one task after another.

    `lineage` declares what of the past its steps depend on: the ordered `sequence`, the `set`, or `none` of it.
    `tunes_backbone` says that it changes the backbone's own weights, which takes a lower rate than adapters do.
    """

    name: ClassVar[str]
    lineage: ClassVar[Lineage]
    tunes_backbone: ClassVar[bool] = False

    @abstractmethod
    def stages(self, position: int) -> tuple[Stage, ...]:
        """The stages for the task at `position` (0-based) of an order; the last of them has `last` set."""

    def settings(self) -> dict[str, Any]:
        """The learner as plain JSON values, its name included."""
        return {"name": self.name, **asdict(self)}

    def at_precision(self, precision: Precision) -> Learner:
        """The same learner, and the one it may be like, with every schedule at `precision`."""
        changed: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Schedule):
                changed[name] = replace(value, precision=precision)
            elif isinstance(value, Learner):
                changed[name] = value.at_precision(precision)
        return replace(self, **changed)
