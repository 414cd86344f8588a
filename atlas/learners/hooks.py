"""Hooks of a continual-learning method: replay, regularisation, distillation; the base class does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.task_data import TaskData
    from atlas.storage.step_result import StepResult


@dataclass(frozen=True, kw_only=True)
class PriorStep:
    """An earlier step that this one builds on: its task, its folder and its result, from the store."""

    task: str
    folder: Path
    result: StepResult


@dataclass(frozen=True, kw_only=True)
class StageContext:
    """The model, data and process group of a stage that has begun.

    `data` holds all tasks; `prior_steps` the steps that this one builds on, the oldest first; `joint_tasks` the tasks
    that are trained together with `task` in the same step. `seed` gives the step's seed for a purpose; `walk_seed` is
    that of all steps of a walk.
    """

    model: ContinualModel
    task: str
    data: Mapping[str, TaskData]
    group: ProcessGroup
    seed: Callable[[str], int]
    prior_steps: Sequence[PriorStep] = ()
    joint_tasks: Sequence[str] = ()
    walk_seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ReplayBatch:
    """Records of a task, by number [N], added to an update's own batch; `weight` multiplies their loss."""

    data: TaskData
    indices: Tensor
    weight: float = 1.0


class StageHooks:
    """Hooks of one stage of training (Avalanche calls them plugins); the base does nothing. One instance a rank.

    During training nothing but `replay` may change the instance, and `after_update` what is in its `state`: a stage
    that resumes from a checkpoint gets a new one, on which `replay` is called once for each update that was done
    before, and then `load_state`.

    `validation_tasks`: further tasks whose validation splits decide an early stop, and whose training splits an epoch
    covers. `find_unused_parameters`: an update may leave some of the trained parameters out (as DDP has it).
    """

    validation_tasks: Sequence[TaskData] = ()
    find_unused_parameters: bool = False

    def replay(self) -> Sequence[ReplayBatch]:
        """The records added to the next update's batch; all processes draw the same."""
        return ()

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor | None:
        """A term added to the loss (a scalar) for a batch and the backbone's outputs for it, [B, C, I * D]."""
        return None

    def after_update(self, update: int) -> None:
        """Called after each update, with its number, from 1."""

    def state(self) -> Mapping[str, Tensor]:
        """The tensors that `after_update` has changed, for a checkpoint; the same on all ranks."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`; nothing where a checkpoint has none."""

    def on_stage_end(self) -> dict[str, JsonValue]:
        """Compute what later steps need, after the last update; returns the part for the step's result, by key."""
        return {}

    def save(self, folder: Path) -> None:
        """Write what later steps need into the step's folder, in files of its own; tensors have to be finite."""
