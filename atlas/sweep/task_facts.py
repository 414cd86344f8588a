"""The facts of a task in a sweep's summary, from its prepared data."""

from __future__ import annotations

from atlas.report.summary import TaskFacts
from atlas.sweep.inputs import SweepInputs
from atlas.tasks import find_task


def task_facts(name: str, inputs: SweepInputs) -> TaskFacts:
    """The facts of a task that the sweep has prepared."""
    task, prepared = find_task(name), inputs.prepared[name]
    card, templates = prepared.card, inputs.step_inputs.templates.get(name, ())
    return TaskFacts(
        title=task.title,
        chance=card.chance,
        score=card.score,
        modality=card.modality,
        majority=card.majority.get("test"),
        fingerprint=prepared.fingerprint,
        counts=dict(prepared.counts),
        **({"templates": templates} if templates else {}),
    )
