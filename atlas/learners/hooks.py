"""What a stage recalls of the past while it learns: records to rehearse, a pull towards old weights or old answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.task_data import TaskData


@dataclass(frozen=True, kw_only=True)
class PriorStep:
    """An earlier step that this one builds on: its task, what it left in the store, and what the store knows of it."""

    task: str
    folder: Path
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StageContext:
    """What a stage has at hand once it has begun.

    `data` holds all tasks; `past` the steps that this one builds on, the oldest first; `joint_tasks` the tasks that are
    learnt beside `task` in the same step. `seed` gives the step's seed for a purpose.
    """

    model: ContinualModel
    task: str
    data: Mapping[str, TaskData]
    group: ProcessGroup
    seed: Callable[[str], int]
    past: Sequence[PriorStep] = ()
    joint_tasks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ReplayBatch:
    """Records of a task, by number [N], that an update learns beside its own; `weight` is that of their loss."""

    data: TaskData
    indices: Tensor
    weight: float = 1.0


class StageHooks:
    """One stage's memory while it learns; this one remembers nothing. Every process of a fleet has its own.

    While the stage learns, nothing of it may change but by `rehearse`: a stage that was interrupted goes on with a new
    memory, of which as many draws are taken as there were updates.

    `validation_tasks`: further tasks whose validation splits decide an early stop, and whose training splits an epoch
    covers. `partly`: an update may leave some of the trained parameters out.
    """

    validation_tasks: Sequence[TaskData] = ()
    partly: bool = False

    def rehearse(self) -> Sequence[ReplayBatch]:
        """The records that the next update learns beside its own; all processes draw the same."""
        return ()

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor | None:
        """What is added to the loss (a scalar) for a batch and the backbone's outputs for it, [B, C, I * D]."""
        return None

    def on_stage_end(self) -> dict[str, Any]:
        """Work out what later steps will need, once learning is over; gives what of it the step's facts keep."""
        return {}

    def save(self, folder: Path) -> None:
        """Write what later steps will need beside what the stack saves."""
