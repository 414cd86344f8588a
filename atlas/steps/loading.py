"""Loading of steps from the store into a model: rank 0 of a process group verifies them."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.learners.continual_model import ContinualModel
from atlas.learners.hooks import PriorStep
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import InfrastructureError
from atlas.steps.step import Step
from atlas.storage.store import Store


class MissingParent(InfrastructureError):
    """A step that this one builds on is not, or no longer, in the store."""


def load_steps(model: ContinualModel, steps: Sequence[Step], store: Store, group: ProcessGroup) -> list[PriorStep]:
    """Load the parameters of these steps, the oldest first; returns them with their results.

    Raises:
        MissingParent: the store lacks one.
        CorruptArtifact: one was altered; the store has moved it aside.
    """
    newest = max((place for place, step in enumerate(steps) if step.stage.replaces), default=0)
    past: list[PriorStep] = []
    for place, step in enumerate(steps):
        prior = _fetch(step, store, verify=group.rank == 0)
        model.load(step.task, prior.folder, whole=place >= newest or not step.stage.replaces)
        past.append(prior)
    return past


def _fetch(step: Step, store: Store, *, verify: bool) -> PriorStep:
    artifact = store.find(step.key)
    if artifact is None:
        raise MissingParent(f"{step.title} [{step.key[:12]}] is not in the store; it will be trained again.")
    return PriorStep(task=step.task, folder=store.fetch(artifact, verify=verify), result=artifact.result)
