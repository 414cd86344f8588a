from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from atlas.storage.store import Store
from atlas.sweep.cost import shapes_on, walk_cost
from atlas.sweep.step_reader import StepReader
from atlas.sweep.summary import FinishedSweep
from tests.data.cards import card

CARD = card(choices=2, images=1)


def test_a_walks_cost_is_that_of_its_steps(ended: FinishedSweep) -> None:
    record = ended.trials[0]
    (outcome,) = ended.outcomes(record)
    cost = walk_cost(outcome, ended.inputs, ended.inputs.store, StepReader())
    facts = [outcome.results[step.key] for step in outcome.finished]
    assert cost.seconds == pytest.approx(sum(fact.cost.seconds for fact in facts))
    assert cost.trained_parameters == max(fact.trained_parameters or 0 for fact in facts)
    kept = [ended.inputs.store.fetch(step.key, Path()) for step in outcome.finished if step.stage.last]
    held = [
        tensor.numel() for path in kept for file in path.rglob("*.safetensors") for tensor in load_file(file).values()
    ]
    assert len(kept) == 2
    assert cost.stored_parameters == sum(held)
    assert cost.flops is not None
    assert cost.flops > 0


def test_what_was_not_taken_has_no_cost(ended: FinishedSweep) -> None:
    (outcome,) = ended.outcomes(ended.trials[0])
    outcome.results.clear()
    cost = walk_cost(outcome, ended.inputs, ended.inputs.store, StepReader())
    assert {value for _, value in cost} == {None}


def test_a_result_without_a_count_leaves_it_unknown(ended: FinishedSweep) -> None:
    (outcome,) = ended.outcomes(ended.trials[0])
    key = outcome.finished[0].key
    outcome.results[key] = outcome.results[key].model_copy(update={"trained_parameters": None})
    cost = walk_cost(outcome, ended.inputs, ended.inputs.store, StepReader())
    assert cost.trained_parameters is None
    assert cost.flops is None
    assert cost.stored_parameters is not None


def test_parameters_are_counted_without_the_files_and_a_lost_step_leaves_their_number_unknown(
    ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outcome,) = ended.outcomes(ended.trials[0])
    store = ended.inputs.store

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("files are fetched only to count parameters")

    monkeypatch.setattr(type(store), "fetch", refuse)
    assert walk_cost(outcome, ended.inputs, store, StepReader()).stored_parameters is not None
    nowhere = Store.at(f"{store.uri}-elsewhere")
    cost = walk_cost(outcome, ended.inputs, nowhere, reader := StepReader())
    assert cost.stored_parameters is None
    assert list(reader.unreadable) == [step.key for step in outcome.finished if step.stage.last]
    assert cost.trained_parameters is not None


def test_the_shape_is_that_of_the_backbones_configuration(ended: FinishedSweep) -> None:
    (shape,) = shapes_on(CARD, ended.inputs.encoders)
    # 32 × 32 pixels in patches of 8, a class token, 16 words
    assert (shape.width, shape.depth, shape.inner, shape.tokens, shape.passes) == (32, 2, 64, 16 + 1 + 16, 2)
