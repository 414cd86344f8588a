"""Prefetch: queue the steps that a sweep knows of before any trial requests them, again after a broker's restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas.config.experiment import Experiment
from atlas.execution.broker_client import BrokerClient
from atlas.execution.status import BrokerStatus
from atlas.search.proposals import is_exact, rehearsed

if TYPE_CHECKING:
    from atlas.steps.step import Step, StepInputs


def all_known(experiment: Experiment) -> bool:
    """Whether all steps of all trials are known, and queued, before any trial starts."""
    return is_exact(experiment) and experiment.options.run.sharing


def known_steps(experiment: Experiment, step_inputs: StepInputs) -> list[Step]:
    """The steps of the auxiliary walks and, where all trials are known beforehand, all of theirs; each once."""
    walks = experiment.auxiliary_walks()
    if all_known(experiment):
        walks += [walk for trial in rehearsed(experiment) for walk in trial]
    steps = (step for walk in walks for step in walk.every_step(step_inputs))
    return list({step.key: step for step in steps}.values())


@dataclass
class Prefetch:
    """Steps to train without a request, and the broker that queues them."""

    broker: BrokerClient
    steps: list[Step]
    _told: str = ""

    def tell(self, status: BrokerStatus) -> bool:
        """Queue the steps at a broker that has started since, by its `status`: it keeps nothing across restarts.

        Returns whether that was necessary.
        """
        if status.born == self._told:
            return False
        self.broker.anticipate(self.steps)
        self._told = status.born
        return True
