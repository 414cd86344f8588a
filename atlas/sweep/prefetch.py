"""Prefetch: queue the steps that a sweep knows of before any trial requests them, again after a broker's restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from atlas.execution.status import BrokerStatus

if TYPE_CHECKING:
    from atlas.steps.step import Step
    from atlas.sweep.sweep_run import SweepRun


def all_known(run: SweepRun) -> bool:
    """Whether all steps of all trials are known, and queued, before any trial starts."""
    return run.proposals.exact and run.experiment.options.run.sharing


def known_steps(run: SweepRun) -> list[Step]:
    """The steps of the auxiliary walks and, where all trials are known beforehand, all of theirs; each once."""
    walks = run.experiment.auxiliary_walks()
    return run.inputs.graph.distinct([*walks, *(run.proposals.walks if all_known(run) else ())])


class StepQueue(Protocol):
    """A broker, as far as steps are queued at it."""

    def anticipate(self, steps: Sequence[Step]) -> None:
        """Queue steps before they are requested. Raises TimeoutError where it does not answer."""


@dataclass
class Prefetch:
    """Steps to train without a request, and the broker that queues them."""

    broker: StepQueue
    steps: list[Step]
    _told: tuple[str, int] = ("", 0)

    def add(self, steps: Sequence[Step]) -> None:
        """Further steps: the broker is told of all again at the next `tell`, which another thread may call."""
        self.steps = [*self.steps, *steps]

    def tell(self, status: BrokerStatus) -> bool:
        """Queue the steps at a broker that has started since, by its `status`: it keeps nothing across restarts.

        Returns whether that was necessary.

        Raises:
            TimeoutError: the broker does not answer.
        """
        steps = self.steps
        if (status.born, len(steps)) == self._told:
            return False
        self.broker.anticipate(steps)
        self._told = status.born, len(steps)
        return True
