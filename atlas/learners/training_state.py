"""The training state of a stage between two updates, from which it resumes with the same result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from torch import Tensor


class ValidationState(BaseModel):
    """Early stopping so far: (update, score) of every validation, the best score, and the validations since it."""

    model_config = ConfigDict(frozen=True)

    scores: list[tuple[int, float]]
    best: float | None
    since: int


class TrainingProgress(BaseModel):
    """The counters of a stage after some of its updates, as a checkpoint's JSON has them.

    `losses` are (update, loss) of the logged updates, `rates` the learning rates of the optimiser's parameter groups,
    `scheduler` and `scaler` the state of the learning rate's scheduler and of the loss scaling. The schema number is
    the `form` that `atlas.execution.checkpoints` writes beside them; its further fields are ignored here.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    updates: int
    records: int
    losses: list[tuple[int, float]]
    patience: ValidationState
    rates: list[float]
    scheduler: dict[str, int]
    scaler: dict[str, int | float]


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """A stage after some of its updates.

    Of the tensors, `weight/<parameter>` are those trained, `moment/<number>/<name>` the optimiser's,
    `best/<parameter>` the best state so far where a stage may stop early, `hooks/<name>` what its hooks have changed,
    and `random` [workers, bytes] the generators of every process.
    """

    progress: TrainingProgress
    tensors: Mapping[str, Tensor]


class Checkpoints:
    """The checkpoints of one step; the base keeps none. Every rank calls it at the same updates.

    `resumed_at` are the updates from which the step was resumed, `spent` the seconds of training before. `continued_at`
    is the update where a shorter schedule ended, from which it went on; 0 from the start.
    """

    resumed_at: Sequence[int] = ()
    continued_at: int = 0
    spent: float = 0.0

    def load(self) -> TrainingState | None:
        """The newest one, the same on every rank; None where there is none to resume from."""
        return None

    def due(self, update: int) -> bool:
        """Whether to save one now, after `update` updates: the same answer on every rank."""
        return False

    def save(self, training_state: TrainingState) -> None:
        """Keep it, in the place of those before."""

    def finish(self) -> None:
        """The step is committed: none is needed any more."""

    @property
    def workers_changed(self) -> Sequence[int]:
        """The sizes of all process groups that trained the step, where they differ."""
        return ()


NO_CHECKPOINTS = Checkpoints()
