"""A waypoint: all that a stage is in the middle of, from which it is learnt on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """A stage after some of its updates: `facts` are plain JSON values, `tensors` have names.

    Of the tensors, `weight/<parameter>` are what is trained, `moment/<number>/<name>` the optimiser's,
    `best/<parameter>` the best state so far where a stage may stop early, and `random` [workers, bytes] the generators
    of every process.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


class Checkpoints:
    """Where the waypoints of one step are kept; these keep none. Every process of a fleet asks at the same updates.

    `resumed_at` are the updates from which the step was learnt on, `spent` the seconds that it was learnt before.
    """

    resumed_at: Sequence[int] = ()
    spent: float = 0.0

    def load(self) -> TrainingState | None:
        """The newest one, the same on every process; None where there is none to go on from."""
        return None

    def due(self, update: int) -> bool:
        """Whether to save one now, after `update` updates: the same answer on every process."""
        return False

    def save(self, training_state: TrainingState) -> None:
        """Keep it, in the place of those before."""

    def finish(self) -> None:
        """The step is committed: none is needed any more."""

    def facts(self) -> dict[str, Any]:
        """What the step's facts say of them."""
        return {"resumed_at": list(self.resumed_at)} if self.resumed_at else {}


NO_CHECKPOINTS = Checkpoints()
