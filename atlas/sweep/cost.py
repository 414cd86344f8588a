"""The cost of a walk, from its steps in the store: the summary's key `cost`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from atlas import metrics
from atlas.backbones.families import encoder_shapes
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
    stored = [_stored(step, store, reader) for step, _ in taken if step.stage.last]
    held = [number for number in stored if number is not None]
    return WalkCost(
        trained_parameters=max(trained) if taken and len(trained) == len(taken) else None,
        stored_parameters=sum(held) if taken and len(held) == len(stored) else None,
        flops=sum(known) if taken and len(known) == len(taken) else None,
        seconds=sum(result.cost.seconds for _, result in taken) if taken else None,
    )


def backbone_shapes(folder: Path, card: DataCard) -> list[Shape]:
    """The shapes of the encoders in a folder for a task with that card; [] for a model of an unknown family."""
    return [
        Shape(
            width=shape.width,
            depth=shape.depth,
            inner=shape.inner,
            tokens=shape.length(card.images),
            passes=shape.passes(images=card.images, choices=card.texts_encoded),
        )
        for shape in encoder_shapes(folder)
    ]


def _flops(step: Step, result: StepResult, inputs: SweepInputs) -> float | None:
    shapes = backbone_shapes(inputs.backbone, inputs.prepared[step.task].card)
    trained = result.trained_parameters
    if not shapes or trained is None:
        return None
    settings = {past.task: past.stage.settings() for past in step.chain()}
    ranks = [rank for one in settings.values() if isinstance(rank := one.get("rank"), int)]
    through = not isinstance(step.stage, HeadStage)
    return sum(
        metrics.step_flops(shape, records=result.records, ranks=ranks, trained=trained, through=through)
        for shape in shapes
    )


def _stored(step: Step, store: Store, reader: StepReader) -> int | None:
    """The number of parameters that the store keeps of a step; None where its files cannot be read."""
    with reader.noted(step):
        return _parameters(store, step.key)
    return None


@lru_cache(maxsize=4096)
def _parameters(store: Store, key: str) -> int:
    return metrics.parameters(store.tensor_shapes(key))
