"""Route `free`: one label space over the classes of several tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import Diverged
from atlas.learners.evaluation import score
from atlas.learners.evaluation_records import records_scored
from atlas.learners.label_space import LabelSpace
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.prompted import PoolSettings, PromptedSimilarity
from atlas.learners.readouts.ridge import FusedRidge, RidgeSettings
from atlas.tasks import find_task
from tests.small import World, make_world

TASKS = ("digits", "mnist-twin", "dtd-twin")
LIMIT = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    limits = {"train": 8, "val": 8, "test": 48}
    return make_world("clip-tiny", tmp_path_factory.mktemp("data"), map(find_task, TASKS), limits)


@pytest.fixture
def model(world: World) -> Iterator[ContinualModel]:
    made = world.worker_context.empty_model({"mnist-twin": find_task("mnist-twin").templates})
    made.new_readout = "similarity"
    for task in TASKS:
        made.ensure_head(task, torch.Generator())
    yield made
    made.detach()


def space_of(world: World, model: ContinualModel, *tasks: str) -> LabelSpace:
    return LabelSpace(model, {task: world.worker_context.data[task].answers for task in tasks}, "float32")


@pytest.mark.parametrize("task", TASKS)
def test_of_one_task_alone_it_answers_as_if_the_task_were_told(world: World, model: ContinualModel, task: str) -> None:
    told = score(model, world.worker_context.data[task], "test", limit=LIMIT, group=ProcessGroup())
    assert (
        space_of(world, model, task).score(world.worker_context.data[task], "test", limit=LIMIT, group=ProcessGroup())
        == told
    )


def test_the_classes_of_all_tasks_compete(world: World, model: ContinualModel) -> None:
    """As computed one task after another: a task's cosines are its logits without their scale."""
    data, space = world.worker_context.data, space_of(world, model, *TASKS)
    part = data["mnist-twin"].splits["test"]
    batch = part.batch(records_scored(part, LIMIT))
    with torch.no_grad():
        alone = torch.cat([model(batch, task) / math.exp(space.backbone.log_scale) for task in TASKS], 1)
        found = space.cosines(batch)
    assert torch.allclose(found, alone, atol=1e-5)
    place = [answer for task in TASKS for answer in data[task].answers]
    named = [place[number] for number in found.argmax(1)]
    right = sum(data["mnist-twin"].answers[int(one)] == name for one, name in zip(batch.targets, named, strict=True))
    assert space.score(data["mnist-twin"], "test", limit=LIMIT, group=ProcessGroup()) == pytest.approx(
        100 * right / LIMIT
    )


def test_a_class_of_two_tasks_is_right_by_either(world: World, model: ContinualModel) -> None:
    """Two tasks of the same pictures and classes: which of them a likest prompt is of does not matter."""
    digits = world.worker_context.data["digits"]
    answers = tuple(f"The {answer}!" for answer in digits.answers)  # the same words, as answers are compared
    same = replace(digits, name="same", answers=answers)
    model.forms = {**model.forms, "same": same.form}
    model.ensure_head("same", torch.Generator())
    both = LabelSpace(model, {"digits": digits.answers, "same": answers}, "float32")
    assert both.words.tolist() == [*range(10), *range(10)]
    others = tuple(f"no {answer}" for answer in answers)
    other = LabelSpace(model, {"digits": digits.answers, "same": others}, "float32")
    free = [space.score(digits, "test", limit=None, group=ProcessGroup()) for space in (both, other)]
    assert free[0] >= free[1]


def test_features_that_are_not_finite_are_told(world: World, model: ContinualModel) -> None:
    space = space_of(world, model, "digits")
    space.texts = space.texts * float("nan")
    with pytest.raises(Diverged, match="8 val records of digits"):
        space.score(world.worker_context.data["digits"], "val", limit=None, group=ProcessGroup())


def test_a_worker_without_a_record_scores_nothing(world: World, model: ContinualModel, tmp_path: Path) -> None:
    class Second(ProcessGroup):
        def all_reduce(self, value: torch.Tensor) -> torch.Tensor:
            assert value.tolist() == [0, 0, 0]
            return value + torch.tensor([1, 2, 0]).to(value)

    group = Second(rank=1, size=2)
    assert (
        space_of(world, model, "digits").score(world.worker_context.data["digits"], "test", limit=1, group=group) == 50
    )


def test_of_rail_what_looks_like_a_solved_task_is_answered_by_its_regression_too(
    world: World, model: ContinualModel
) -> None:
    """The fusion of the paper, one record after the other."""
    data, form = world.worker_context.data, model.forms["digits"]
    settings = RidgeSettings(hidden=16, share=0.75)
    model.heads["digits"] = solved = FusedRidge.of(model.backbone, form, settings, torch.Generator().manual_seed(0))
    solved.weight.data.mul_(50)
    space = space_of(world, model, *TASKS)
    batch = data["mnist-twin"].splits["test"].batch(torch.arange(LIMIT))
    with torch.no_grad():
        found, cosines = space.values(batch), space.cosines(batch)
        images = nn.functional.normalize(space.backbone.image_features(batch.pixels[:, 0]), dim=-1)
        regressed = (images @ solved.projection).clamp(min=0) @ solved.weight
    changed = 0
    for row, cosine, own in zip(found, cosines, regressed, strict=True):
        expected = (math.exp(space.backbone.log_scale) * cosine).softmax(0)
        if int(expected.argmax()) < 10:
            expected = 0.25 * expected + 0.75 * torch.cat([own, torch.zeros(len(expected) - 10)])
            changed += 1
        torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-5)
    assert 0 < changed < LIMIT


def test_of_l2p_the_picture_is_prompted_from_the_pool(world: World, model: ContinualModel) -> None:
    settings = PoolSettings(size=3, length=2, chosen=2)
    first = PromptedSimilarity(model.backbone, model.forms["digits"], settings, torch.Generator().manual_seed(0))
    model.heads["digits"] = first
    model.heads["mnist-twin"] = first.another(model.backbone, model.forms["mnist-twin"], None)
    space = space_of(world, model, "digits", "mnist-twin")
    batch = world.worker_context.data["digits"].splits["test"].batch(torch.arange(4))
    with torch.no_grad():
        alone = torch.cat([model(batch, task) for task in ("digits", "mnist-twin")], 1)
        found = space.values(batch)
    torch.testing.assert_close(found, alone / math.exp(space.backbone.log_scale), rtol=1e-3, atol=1e-4)
