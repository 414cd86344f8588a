from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image

from atlas.learners import AdapterFusion, FineTuning, HeadOnly, Joint, Learner, Memory, Replay, SharedAdapter
from atlas.runtime.errors import AtlasError
from atlas.serving.registered_model import LoadedModel, RegisteredModel, _assemble
from atlas.steps.train import load_model
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.sweep.mlflow_actor import model_of
from tests.small import SCHEDULE, World, atlas

ORDER = ("piqa-twin", "digits")
LEARNERS = (
    atlas(),
    HeadOnly(schedule=SCHEDULE),
    SharedAdapter(schedule=SCHEDULE, rank=4),
    AdapterFusion(like=atlas(), composition=SCHEDULE),
    FineTuning(schedule=SCHEDULE),
    Replay(schedule=SCHEDULE, memory=Memory(records=4)),
    Joint(schedule=SCHEDULE),
)


def loaded(world: World, store: Store, learner: Learner, folder: Path) -> tuple[LoadedModel, list[Any]]:
    """A registered stack as a server loads it, and the last steps of the walk's tasks."""
    walk = Walk(order=ORDER, learner=learner, seed=0)
    stages = walk.steps(world.step_inputs)
    for steps in stages:
        world.learn(steps, store)
    names = ("outputs", "images", "choices", "answers", "text_tokens")
    champion = RegisteredModel(
        name="c",
        sweep="s",
        backbone=str(world.worker_context.backbone.processor.folder),
        digest=world.step_inputs.backbone,
        folders={task: str(store.fetch(step.key, folder)) for task, step in model_of(stages).items()},
        tasks={task: {name: world.prepared[task].card[name] for name in names} for task in ORDER},
        figures={},
    )
    (folder / "made").mkdir()
    _assemble(champion, folder / "made")
    return LoadedModel(folder / "made"), [steps[-1] for steps in stages]


@pytest.fixture
def records() -> pd.DataFrame:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 90).save(buffer, "PNG")
    texts = json.dumps(["is the shape red ?", "is the shape blue ?"])
    image = base64.b64encode(buffer.getvalue()).decode()
    return pd.DataFrame(
        [dict(task="piqa-twin", text=texts, image=""), dict(task="digits", text="", image=image)]  # noqa: C408
    )


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_it_answers_as_the_stack_in_the_store_does_on_both_routes(
    learner: Learner, small_world: World, store: Store, tmp_path: Path, records: pd.DataFrame
) -> None:
    champion, steps = loaded(small_world, store, learner, tmp_path)
    found = {route: champion.predict(records, route)["probability"].tolist() for route in ("own", "latest", "own")}
    newest = [steps[-1] if learner.lineage != "none" else step for step in steps]
    for record, step, value in zip(rows(records), newest, found["latest"], strict=True):
        assert value == pytest.approx(
            probability(champion, load_model(step, small_world.worker_context, store), record)
        )
    if learner.name != "joint":
        first = load_model(steps[0], small_world.worker_context, store)
        assert found["own"][0] == pytest.approx(probability(champion, first, rows(records)[0]))
    assert found["own"][1] == pytest.approx(found["latest"][1])


def rows(records: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(record) for _, record in records.iterrows()]


def probability(champion: LoadedModel, model: Any, record: dict[str, Any]) -> float:
    """That of the best answer by a stack on the bench's backbone; the stack is detached."""
    task = record["task"]
    with torch.no_grad():
        logits = model(champion._batch(record, champion.facts["tasks"][task]), task)[0]
    model.detach()
    return float(logits.softmax(0).max())


def test_neither_facts_nor_fisher_information_are_registered(small_world: World, store: Store, tmp_path: Path) -> None:
    loaded(small_world, store, FineTuning(schedule=SCHEDULE), tmp_path)
    files = {path.name for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert files == {"stack.json", "head.safetensors", "backbone.safetensors"}


def test_an_unknown_task_or_route_names_the_nearest(
    small_world: World, store: Store, tmp_path: Path, records: pd.DataFrame
) -> None:
    champion, _ = loaded(small_world, store, HeadOnly(schedule=SCHEDULE), tmp_path)
    with pytest.raises(AtlasError, match="Did you mean 'latest'"):
        champion.predict(records, "latst")
    with pytest.raises(AtlasError, match="Did you mean 'digits'"):
        champion.predict(records.assign(task="digit"))
