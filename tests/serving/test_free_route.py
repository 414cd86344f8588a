"""Records without a task: a registered model that compares pictures with names answers them on route `free`."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from atlas.learners import FineTuning, L2p, Learner, MoeAdapters, RoutedAdapters, TwoStage
from atlas.runtime.errors import AtlasError
from atlas.serving.loaded_model import LoadedModel
from atlas.serving.model_record import ModelRecord, ServedTask
from atlas.serving.registered_model import RegisteredModel, assemble
from atlas.storage.store import Store
from atlas.sweep.best_model import last_steps
from atlas.tasks import find_task
from tests.backbones.dual.checkpoints import CHECKPOINTS
from tests.small import SCHEDULE, World, make_world
from tests.walks import walk

ORDER = ("easy-vqa", "digits", "mnist-twin")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    backbone = CHECKPOINTS["clip"](tmp_path_factory.mktemp("clip"))
    limits = {"train": 8, "val": 4, "test": 4}
    return make_world(backbone, tmp_path_factory.mktemp("data"), map(find_task, ORDER), limits)


def registered(world: World, store: Store, learner: Learner, folder: Path, *order: str) -> LoadedModel:
    stages = walk(order, learner, 0, world.step_inputs)
    world.learn([step for steps in stages for step in steps], store)
    last = last_steps(stages)
    record = ModelRecord(
        name="c",
        sweep="s",
        backbone=str(world.worker_context.backbone.processor.folder),
        digest=world.step_inputs.backbone,
        order=tuple(last),
        tasks={task: ServedTask.of(world.prepared[task].card) for task in order},
    )
    assemble(RegisteredModel(record=record, folders={task: store.fetch(one.key) for task, one in last.items()}), folder)
    return LoadedModel(folder)


def pictures() -> pd.DataFrame:
    found = []
    for shade in (0, 90, 250):
        buffer = io.BytesIO()
        Image.new("L", (8, 8), shade).save(buffer, "PNG")
        found.append(base64.b64encode(buffer.getvalue()).decode())
    return pd.DataFrame({"image": found})


LEARNERS = (
    TwoStage(rank=4, experience=None, expansion=SCHEDULE),
    FineTuning(schedule=SCHEDULE),
    L2p(schedule=SCHEDULE, size=3, length=2, chosen=2),
    RoutedAdapters(schedule=SCHEDULE, rank=4, prototypes=2, records=8),
)
BY_TASK = MoeAdapters(schedule=SCHEDULE, experts=2, rank=2, records=4).with_readout("similarity")


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda one: one.name)
def test_it_answers_with_the_likeliest_class_of_all(
    world: World, store: Store, tmp_path: Path, learner: Learner
) -> None:
    model = registered(world, store, learner.with_readout("similarity"), tmp_path, *ORDER)
    free = model.predict(pictures(), "free")
    model.predict(pictures().assign(task="digits"), "own")  # loads what a tuned backbone was after digits
    pd.testing.assert_frame_equal(model.predict(pictures(), "free"), free)
    told = [model.predict(pictures().assign(task=task), "latest") for task in ("digits", "mnist-twin")]
    for place, answer in enumerate(free["answer"]):
        assert answer in [one["answer"][place] for one in told]
    assert free["probability"].between(0, 1).all()
    with pytest.raises(AtlasError, match="a record names no task; give one of easy-vqa, digits, mnist-twin, or"):
        model.predict(pictures(), "latest")


@pytest.mark.parametrize("learner", [LEARNERS[0], BY_TASK], ids=lambda one: one.name)
def test_a_model_with_heads_or_with_a_router_a_task_has_no_such_route(
    world: World, store: Store, tmp_path: Path, learner: Learner
) -> None:
    model = registered(world, store, learner, tmp_path, "digits")
    with pytest.raises(AtlasError, match="names no pictures by what they are like"):
        model.predict(pictures(), "free")
