from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from atlas.learners import FineTuning, Lwf
from atlas.learners.hooks import PriorStep, StageContext
from atlas.learners.lwf import LwfHooks, LwfStage
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, assert_same_learning, seed_by_task, weights

ORDER = ("digits", "easy-vqa", "piqa-twin")


def test_without_weight_it_is_fine_tuning(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    assert_same_learning(small_world, store, FineTuning(schedule=SCHEDULE), Lwf(schedule=SCHEDULE, weight=0.0), *ORDER)


def test_with_weight_it_is_not_and_old_heads_are_learnt_along(
    small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_by_task(monkeypatch)
    walks = [small_world.walk(*ORDER, learner=Lwf(schedule=SCHEDULE, weight=weight)) for weight in (0.0, 1.0)]
    plain, taught = (small_world.learn(steps, store) for steps in walks)
    assert plain[0].losses == taught[0].losses
    assert plain[1].losses != taught[1].losses
    kept = {name.rpartition("/")[0] for name in weights(store, walks[1][2]) if name.startswith("heads/")}
    assert kept == {"heads/digits.safetensors", "heads/easy-vqa.safetensors"}


@pytest.mark.parametrize(("task", "old"), [("easy-vqa", "digits"), ("easy-vqa", "piqa-twin"), ("piqa-twin", "digits")])
def test_the_penalty_is_the_cross_entropy_of_the_softened_answers(small_world: World, task: str, old: str) -> None:
    model, stage = small_world.model(), LwfStage(schedule=SCHEDULE, weight=0.5, temperature=2.0)
    model.ensure_head(old, torch.Generator().manual_seed(0))
    model.heads[old].get_parameter("3.weight").data *= 100
    stage.begin(model, task, torch.Generator().manual_seed(1))
    batch = small_world.worker_context.data[task].splits["train"].batch(torch.arange(4))
    with torch.no_grad():
        before = model(batch, old)
        taught = stage.hooks(
            StageContext(
                model=model,
                task=task,
                data=small_world.worker_context.data,
                group=ProcessGroup(),
                seed=len,
                prior_steps=[PriorStep(task=old, folder=Path(), result=StepResult())],
            )
        )
        for number, parameter in enumerate(model.tuning.trained().values()):
            parameter += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number))
        pooled, after = model.pool(batch, task), model(batch, old)
        found = taught.penalty(batch, pooled)
    model.detach()
    if before.shape[1] == 1:  # a text without competitors is told from 0
        before, after = (torch.cat([one, torch.zeros_like(one)], 1) for one in (before, after))
    old_answer, new_answer = (before / 2).softmax(1), (after / 2).log_softmax(1)
    assert float((old_answer - new_answer.exp()).abs().max()) > 0.01
    torch.testing.assert_close(found, 0.5 * -(old_answer * new_answer).sum(1).mean())


def test_a_head_for_two_pictures_reads_one_twice_and_one_for_one_reads_the_first(world: World) -> None:
    model = world.model()
    for task in ("easy-pair", "digits"):
        model.ensure_head(task, torch.Generator().manual_seed(0))
    stage = LwfStage(schedule=SCHEDULE)
    hooks = LwfHooks(
        StageContext(model=model, task="digits", data=world.worker_context.data, group=ProcessGroup(), seed=len), stage
    )
    width = world.worker_context.backbone.width
    one, two = torch.rand(3, 1, width), torch.rand(3, 1, 2 * width)
    assert torch.equal(hooks._to_head_width(one, "easy-pair"), torch.cat([one, one], -1))
    assert torch.equal(hooks._to_head_width(two, "digits"), two[..., :width])
    model.detach()


@pytest.mark.parametrize(
    ("values", "message"), [({"weight": -1.0}, "weight is -1"), ({"temperature": 0.0}, "temperature is 0")]
)
def test_what_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        Lwf(**values)
