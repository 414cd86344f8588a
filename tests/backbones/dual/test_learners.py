"""Every learner of the catalogue trains on a dual encoder, and gives it back as it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from atlas.learners import LEARNERS
from atlas.runtime.errors import AtlasError
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import CHECKPOINTS
from tests.contracts.test_learner import small
from tests.small import World, make_world, weights

TASKS_OF_EACH_FORM = ("easy-pair", "piqa-twin")  # two images; texts that compete
LIMITS = {"train": 24, "val": 8, "test": 8}


@pytest.fixture(scope="module")
def dual_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("dual")
    folder = CHECKPOINTS["clip"](root / "clip")
    return make_world(folder, root / "data", [TASKS[name] for name in TASKS_OF_EACH_FORM], LIMITS)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_it_trains_on_records_of_every_form(name: str, dual_world: World, tmp_path: Path) -> None:
    backbone = dual_world.worker_context.backbone
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    steps = dual_world.walk(*TASKS_OF_EACH_FORM, learner=small(LEARNERS[name]()))
    results = dual_world.learn(steps, Store.open(str(tmp_path / "store")))
    assert all(math.isfinite(loss) for result in results for _, loss in result.losses)
    assert set(results[-1].scores.latest.test) == set(steps[-1].order)
    after = backbone.state_dict()
    assert [key for key, value in before.items() if not torch.equal(after[key], value)] == []


def test_adapters_may_be_in_one_tower_alone(dual_world: World, tmp_path: Path) -> None:
    learner = LEARNERS["atlas"]().with_towers(("vision",))
    steps = dual_world.walk(*TASKS_OF_EACH_FORM, learner=small(learner))
    both = dual_world.walk(*TASKS_OF_EACH_FORM, learner=small(LEARNERS["atlas"]()))
    assert [step.stage.towers for step in steps] == [("vision",)] * len(steps)
    assert {step.key for step in steps}.isdisjoint(step.key for step in both)
    store = Store.open(str(tmp_path / "store"))
    dual_world.learn(steps, store)
    names = [name for step in steps for name in weights(store, step) if name.startswith("adapter/")]
    assert names
    assert all("vision_model" in name for name in names)


def test_a_learner_without_adapters_refuses_towers() -> None:
    for name in ("fine-tuning", "head-only", "joint"):
        with pytest.raises(AtlasError, match=f"'{name}' trains no adapters: leave --towers out"):
            LEARNERS[name]().with_towers(("text",))
