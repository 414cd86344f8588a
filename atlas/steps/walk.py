"""A walk: the steps of one learner along one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atlas.learners import Learner
from atlas.steps.beyond import Beyond
from atlas.steps.graph import WalkGraph
from atlas.steps.probe import Probe
from atlas.steps.step import Step, StepInputs


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One walk along one order, by one learner with one seed, and the probes of the model at its end.

    A walk along an empty order probes the bare backbone. `beyond`: scores beside those of the tasks learnt so far.
    """

    order: tuple[str, ...]
    learner: Learner
    seed: int
    probes: tuple[Probe, ...] = ()
    beyond: Beyond | None = None

    def steps(self, step_inputs: StepInputs) -> list[list[Step]]:
        """For each task of the order its steps, one a stage. Of several walks a `WalkGraph` builds them."""
        return WalkGraph(step_inputs).steps(self)

    def probe_steps(self, step_inputs: StepInputs) -> dict[Probe, list[Step]]:
        """For each probe its steps, on top of the order's last step."""
        return WalkGraph(step_inputs).probe_steps(self)

    def every_step(self, step_inputs: StepInputs) -> Iterator[Step]:
        """All steps of the walk and of its probes, each after the steps that it builds on."""
        return WalkGraph(step_inputs).every_step(self)
