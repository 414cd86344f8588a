"""The steps that a sweep knows of before any trial asks for them, told to its broker and to the one that follows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.search.proposals import is_exact, rehearsed
from atlas.steps.walk import Walk

if TYPE_CHECKING:
    from atlas.learners import Precision
    from atlas.steps.step import Step, StepInputs

POLL_SECONDS = 0.1
UNDER_WAY = ("waiting", "queued", "elsewhere", "running")


def is_known(sweep: Sweep, options: Options) -> bool:
    """Whether all steps of all trials are known, and queued, before any trial starts."""
    return is_exact(sweep, options) and options.run.sharing


def known_steps(
    sweep: Sweep, options: Options, precision: Precision, auxiliary: Iterable[Walk], step_inputs: StepInputs
) -> list[Step]:
    """The steps of the walks `auxiliary` the trials and, where all trials are known before, all of theirs."""
    walks = list(auxiliary)
    if is_known(sweep, options):
        walks += [walk for trial in rehearsed(sweep, options, precision) for walk in trial]
    steps = (step for walk in walks for step in walk.every_step(step_inputs))
    return list({step.key: step for step in steps}.values())


@dataclass
class Prefetch:
    """What a sweep wants learnt without anybody asking."""

    broker: Any
    steps: list[Step]
    _told: str = ""

    def tell(self, status: Mapping[str, Any]) -> bool:
        """Tell a broker that has not heard of the steps, by its `status`: one that was started again has forgotten.

        Gives whether there was need to.
        """
        import ray

        if status["born"] == self._told:
            return False
        ray.get(self.broker.anticipate.remote(self.steps))
        self._told = status["born"]
        return True

    def wait(self) -> None:
        """Until everything that the broker has heard of is learnt, or has failed."""
        import ray

        while True:
            status = ray.get(self.broker.status.remote())
            if not self.tell(status) and not any(state in status["states"] for state in UNDER_WAY):
                return
            time.sleep(POLL_SECONDS)
