"""The cost of a walk, from its steps in the store: the summary's key `cost`."""

from __future__ import annotations

from collections.abc import Sequence

from atlas import metrics
from atlas.backbones.families import EncoderShape
from atlas.data.card import DataCard
from atlas.learners import HeadStage
from atlas.metrics import Shape
from atlas.report.summary import WalkCost
from atlas.steps.step import Step
from atlas.steps.walk_result import WalkResult
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.step_reader import StepReader


def walk_cost(outcome: WalkResult, inputs: SweepInputs, store: Store, reader: StepReader) -> WalkCost:
    """The cost of the steps taken, as if nothing were shared; None where a number is not known."""
    taken = [(step, outcome.results[step.key]) for step in outcome.finished]
    trained = [result.trained_parameters for _, result in taken if result.trained_parameters is not None]
    flops = [_flops(step, result, inputs) for step, result in taken]
    known = [value for value in flops if value is not None]
    stored = [reader.stored_parameters(step, store) for step, _ in taken if step.stage.last]
    held = [number for number in stored if number is not None]
    return WalkCost(
        trained_parameters=max(trained) if taken and len(trained) == len(taken) else None,
        stored_parameters=sum(held) if taken and len(held) == len(stored) else None,
        flops=sum(known) if taken and len(known) == len(taken) else None,
        seconds=sum(result.cost.seconds for _, result in taken) if taken else None,
    )


def shapes_on(card: DataCard, encoders: Sequence[EncoderShape]) -> list[Shape]:
    """The shapes of a backbone's encoders for a task with that card."""
    return [
        Shape(
            width=shape.width,
            depth=shape.depth,
            inner=shape.inner,
            tokens=shape.length(card.images),
            passes=shape.passes(images=card.images, choices=card.texts_encoded),
        )
        for shape in encoders
    ]


def _flops(step: Step, result: StepResult, inputs: SweepInputs) -> float | None:
    shapes = shapes_on(inputs.prepared[step.task].card, inputs.encoders)
    trained = result.trained_parameters
    if trained is None:
        return None
    settings = {past.task: past.stage.settings() for past in step.chain()}
    ranks = [rank for one in settings.values() if isinstance(rank := one.get("rank"), int)]
    through = not isinstance(step.stage, HeadStage)
    return sum(
        metrics.step_flops(shape, records=result.records, ranks=ranks, trained=trained, through=through)
        for shape in shapes
    )
