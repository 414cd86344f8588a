"""The steps of single walks."""

from __future__ import annotations

from atlas.learners import Learner
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk


def walk(order: tuple[str, ...], learner: Learner, seed: int, step_inputs: StepInputs) -> list[list[Step]]:
    """The steps of one walk along `order`: a list of stages for each task."""
    return Walk(order=order, learner=learner, seed=seed).steps(step_inputs)
