"""Every learner of the catalogue trains on a generative model by heads, and gives it back as it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from atlas.learners import LEARNERS, ZeroShot
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.backbones.generative.checkpoints import CHECKPOINTS
from tests.contracts.test_learner import small
from tests.small import World, make_world, weights

TASKS_OF_EACH_FORM = ("easy-pair", "piqa-twin")  # two images; texts that compete, without any
LIMITS = {"train": 24, "val": 8, "test": 8}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("generative")
    folder = CHECKPOINTS["smolvlm"](root / "smolvlm")
    return make_world(folder, root / "data", [TASKS[name] for name in TASKS_OF_EACH_FORM], LIMITS)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_it_trains_on_records_of_every_form(name: str, world: World, tmp_path: Path) -> None:
    backbone = world.worker_context.backbone
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    steps = world.walk(*TASKS_OF_EACH_FORM, learner=small(LEARNERS[name]()))
    results = world.learn(steps, Store.open(str(tmp_path / "store")))
    assert all(math.isfinite(loss) for result in results for _, loss in result.losses)
    assert set(results[-1].scores.latest.test) == set(steps[-1].order)
    after = backbone.state_dict()
    assert [key for key, value in before.items() if not torch.equal(after[key], value)] == []


def test_adapters_may_be_in_the_vision_tower(world: World, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "store"))
    for towers, module in (((), "text_model"), (("vision",), "vision_model")):
        steps = world.walk("easy-pair", learner=small(LEARNERS["atlas"]().with_towers(towers)))
        world.learn(steps, store)
        names = [name for name in weights(store, steps[-1]) if name.startswith("adapter/")]
        assert names
        assert all(module in name for name in names)


@pytest.mark.parametrize("readout", ["likelihood", "mean-likelihood", "generation"])
def test_it_learns_to_answer_in_words(readout: str, world: World, tmp_path: Path) -> None:
    """Adapters learn by the words of classes, and of texts that compete; the step is one of its own."""
    order = TASKS_OF_EACH_FORM[: 1 if readout == "generation" else 2]
    learner = small(LEARNERS["atlas"]())
    steps = world.walk(*order, learner=learner.with_readout(readout))
    results = world.learn(steps, Store.open(str(tmp_path / "store")))
    assert {step.key for step in steps}.isdisjoint(step.key for step in world.walk(*order, learner=learner))
    assert all(math.isfinite(loss) for result in results for _, loss in result.losses)
    assert all(0 <= score <= 100 for score in results[-1].scores.latest.test.values())


def test_a_head_alone_has_nothing_to_train_in_words(world: World, tmp_path: Path) -> None:
    """Its scores are those of the bare backbone."""
    store = Store.open(str(tmp_path / "store"))
    learners = [small(LEARNERS["head-only"]()).with_readout("likelihood"), ZeroShot().with_readout("likelihood")]
    trained, bare = (world.learn(world.walk("piqa-twin", learner=one), store)[-1] for one in learners)
    assert (trained.updates, trained.trained_parameters, trained.losses) == (0, 0, ())
    assert trained.scores == bare.scores


def test_a_model_learns_to_write_free_texts(world: World, tmp_path: Path) -> None:
    """By the commonest reference; its texts are scored by the task's own rule."""
    task = TASKS["coin-imagenet-twin"]
    texts = make_world(world.worker_context.backbone.processor.folder, tmp_path / "data", [task], LIMITS)
    steps = texts.walk(task.name, learner=small(LEARNERS["atlas"]()).with_readout("generation"))
    result = texts.learn(steps, Store.open(str(tmp_path / "store")))[-1]
    assert all(math.isfinite(loss) for _, loss in result.losses)
    assert 0 <= result.scores.latest.test[task.name] <= 100
