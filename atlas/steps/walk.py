"""A walk: the steps of one learner along one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atlas.learners import Learner, TwoStage
from atlas.steps.probe import Probe
from atlas.steps.step import Step, StepInputs, walk


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One walk along one order, by one learner with one seed, and the probes of the model at its end.

    A walk along an empty order probes the bare backbone.
    """

    order: tuple[str, ...]
    learner: Learner
    seed: int
    probes: tuple[Probe, ...] = ()

    def steps(self, step_inputs: StepInputs) -> list[list[Step]]:
        """For each task of the order its steps, one a stage."""
        return walk(self.order, self.learner, self.seed, step_inputs)

    def probe_steps(self, step_inputs: StepInputs) -> dict[Probe, list[Step]]:
        """For each probe its steps, on top of the order's last step."""
        if not self.probes:
            return {}
        assert isinstance(self.learner, TwoStage), "probes are trained by the stages of ATLAS"
        parent = self.steps(step_inputs)[-1][-1] if self.order else None
        return {probe: probe.steps(parent, self.learner, self.seed, step_inputs) for probe in self.probes}

    def every_step(self, step_inputs: StepInputs) -> Iterator[Step]:
        """All steps of the walk and of its probes, each after the steps that it builds on."""
        for stages in (*self.steps(step_inputs), *self.probe_steps(step_inputs).values()):
            yield from stages
