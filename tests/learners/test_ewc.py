from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from atlas.data.loader import permutation
from atlas.learners import Ewc, FineTuning
from atlas.learners.continual_model import ContinualModel
from atlas.learners.ewc import EwcHooks
from atlas.learners.hooks import PriorStep, StageContext
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, assert_same_learning, seed_by_task, weights

RECORDS = 6


def learner(weight: float = 100.0) -> Ewc:
    return Ewc(schedule=SCHEDULE, weight=weight, records=RECORDS)


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    """A stack about to learn the digits."""
    model = small_world.model()
    learner().stages(0)[0].begin(model, "digits", torch.Generator().manual_seed(0))
    yield model
    model.detach()


def consolidated(world: World, model: ContinualModel, *past: PriorStep, weight: float = 100.0) -> EwcHooks:
    context = StageContext(
        model=model,
        task="digits",
        data=world.worker_context.data,
        group=ProcessGroup(),
        seed=lambda purpose: len(purpose),
        prior_steps=past,
    )
    return EwcHooks(context, weight, RECORDS)


def test_without_weight_it_is_fine_tuning(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    assert_same_learning(
        small_world, store, FineTuning(schedule=SCHEDULE), learner(0.0), "digits", "easy-vqa", "piqa-twin"
    )


def test_with_weight_it_is_not(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    first, second = ([] for _ in range(2))
    for losses, weight in ((first, 0.0), (second, 1e6)):
        facts = small_world.learn(small_world.walk("digits", "easy-vqa", learner=learner(weight)), store)
        losses += [fact.losses for fact in facts]
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_the_information_is_the_mean_square_of_each_records_own_gradient(
    small_world: World, model: ContinualModel
) -> None:
    hooks = consolidated(small_world, model)
    hooks.on_stage_end()
    train = small_world.worker_context.data["digits"].splits["train"]
    chosen = permutation(len(train), seed=len("fisher"), epoch=0)[:RECORDS]
    name, weight = "pooler.dense.weight", model.tuning.parameters["pooler.dense.weight"]
    expected = torch.zeros_like(weight)
    for record in chosen.split(1):
        batch = train.batch(record)
        (gradient,) = torch.autograd.grad(model.loss(batch, "digits", "accuracy")[0], weight)
        expected += gradient.square() / RECORDS
    torch.testing.assert_close(hooks.fisher[name], expected)
    assert torch.equal(hooks.centre[name], weight)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_two_tasks_pull_as_both_would_by_themselves(small_world: World, model: ContinualModel, tmp_path: Path) -> None:
    """λ/2 Σ_k F_k (θ − θ_k)² but for a constant: its gradient is λ Σ_k F_k (θ − θ_k)."""
    name, weight = "pooler.dense.weight", model.tuning.parameters["pooler.dense.weight"]
    recalls, places, information = [], [], []
    past: list[PriorStep] = []
    for number in range(2):
        hooks = consolidated(small_world, model, *past)
        information.append(hooks._fisher_information()[name])
        places.append(weight.detach().clone())
        hooks.on_stage_end()
        (folder := tmp_path / str(number)).mkdir()
        hooks.save(folder)
        past, recalls = [PriorStep(task="digits", folder=folder, result=StepResult())], [*recalls, hooks]
        weight.data += 0.05
    last = consolidated(small_world, model, *past)
    assert all(torch.equal(last.fisher[one], recalls[1].fisher[one]) for one in recalls[1].fisher)
    batch = small_world.worker_context.data["digits"].splits["train"].batch(torch.arange(2))
    penalty = last.penalty(batch, model.pool(batch, "digits"))
    assert penalty is not None
    (found,) = torch.autograd.grad(penalty, weight)
    expected = 100.0 * sum(F * (weight - place) for F, place in zip(information, places, strict=True))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_the_information_is_kept_with_the_step_and_grows(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=learner())
    facts = small_world.learn(steps, store)
    first, second = (weights(store, step) for step in steps)
    names = [name for name in first if name.startswith("fisher.safetensors/fisher/")]
    assert len(names) == len(list(small_world.worker_context.backbone.parameters()))
    assert all(bool((second[name] >= first[name]).all()) for name in names)
    assert facts[0].hooks["fisher_records"] == RECORDS


@pytest.mark.parametrize(("values", "message"), [({"weight": -1.0}, "weight is -1"), ({"records": 0}, "records is 0")])
def test_what_cannot_be_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        Ewc(**values)  # type: ignore[arg-type]
