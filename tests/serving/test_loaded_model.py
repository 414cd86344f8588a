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

from atlas.data.loader import Batch
from atlas.data.shard import decode
from atlas.learners import (
    AdapterFusion,
    FineTuning,
    HeadOnly,
    Joint,
    L2p,
    Learner,
    Memory,
    MoeAdapters,
    Rail,
    Replay,
    RoutedAdapters,
    SharedAdapter,
)
from atlas.learners.adapter_router import routed_logits
from atlas.learners.precision import autocast
from atlas.runtime.errors import AtlasError
from atlas.serving.loaded_model import LoadedModel
from atlas.serving.model_record import ModelRecord, ServedTask
from atlas.serving.registered_model import RegisteredModel, assemble
from atlas.serving.request import Request
from atlas.steps.train import load_model
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.sweep.best_model import last_steps
from atlas.tasks import picture
from atlas.tasks.reading import rgb
from tests.small import SCHEDULE, World, atlas

ORDER = ("piqa-twin", "digits")
LEARNERS = (
    atlas(),
    HeadOnly(schedule=SCHEDULE),
    atlas().at_precision("bfloat16"),
    SharedAdapter(schedule=SCHEDULE, rank=4),
    AdapterFusion(like=atlas(), composition=SCHEDULE),
    FineTuning(schedule=SCHEDULE),
    Replay(schedule=SCHEDULE, memory=Memory(records=4)),
    Joint(schedule=SCHEDULE),
    Rail(hidden=32),
    L2p(schedule=SCHEDULE, size=3, length=2, chosen=2),
    MoeAdapters(schedule=SCHEDULE, experts=3, rank=2, records=4),
    RoutedAdapters(schedule=SCHEDULE, rank=4, prototypes=2, records=8),
)


def loaded(world: World, store: Store, learner: Learner, folder: Path) -> tuple[LoadedModel, list[Any]]:
    """A registered model as a server loads it, and the last steps of the walk's tasks."""
    walk = Walk(order=ORDER, learner=learner, seed=0)
    stages = walk.steps(world.step_inputs)
    for steps in stages:
        world.learn(steps, store)
    last = last_steps(stages)
    record = ModelRecord(
        name="c",
        sweep="s",
        backbone=str(world.worker_context.backbone.processor.folder),
        digest=world.step_inputs.backbone,
        order=tuple(last),
        tasks={task: ServedTask.of(world.prepared[task].card) for task in ORDER},
        precision=stages[0][-1].stage.schedule.precision,
    )
    folders = {task: store.fetch(step.key, folder) for task, step in last.items()}
    (folder / "made").mkdir()
    assemble(RegisteredModel(record=record, folders=folders), folder / "made")
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
def test_it_answers_as_the_model_in_the_store_does_on_both_routes(
    learner: Learner, small_world: World, store: Store, tmp_path: Path, records: pd.DataFrame
) -> None:
    registered, steps = loaded(small_world, store, learner, tmp_path)
    found = {route: registered.predict(records, route)["probability"].tolist() for route in ("own", "latest", "own")}
    newest = [steps[-1] if learner.lineage != "none" else step for step in steps]
    for record, step, value in zip(rows(records), newest, found["latest"], strict=True):
        assert value == pytest.approx(
            probability(registered, load_model(step, small_world.worker_context, store), record)
        )
    if learner.name != "joint":
        first = load_model(steps[0], small_world.worker_context, store)
        assert found["own"][0] == pytest.approx(probability(registered, first, rows(records)[0]))
    assert found["own"][1] == pytest.approx(found["latest"][1])


def rows(records: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(record) for _, record in records.iterrows()]


def probability(registered: LoadedModel, model: Any, record: dict[str, Any]) -> float:
    """The probability of the best answer by a model on the same backbone; the model is detached afterwards."""
    task = record["task"]
    batch = Request(**record).batch(registered.record.tasks[task], registered.backbone.processor)
    with torch.no_grad(), autocast(model.device, registered.record.precision):
        logits = routed_logits(model, batch, task)[0].float()
    model.detach()
    return float(logits.softmax(0).max())


def test_neither_facts_nor_fisher_information_are_registered(small_world: World, store: Store, tmp_path: Path) -> None:
    loaded(small_world, store, FineTuning(schedule=SCHEDULE), tmp_path)
    files = {path.name for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert files == {"stack.json", "head.safetensors", "backbone.safetensors"}


def test_an_unknown_task_or_route_names_the_nearest(
    small_world: World, store: Store, tmp_path: Path, records: pd.DataFrame
) -> None:
    registered, _ = loaded(small_world, store, HeadOnly(schedule=SCHEDULE), tmp_path)
    with pytest.raises(AtlasError, match="Did you mean 'latest'"):
        registered.predict(records, "latst")
    with pytest.raises(AtlasError, match="Did you mean 'digits'"):
        registered.predict(records.assign(task="digit"))


def test_an_image_or_choices_that_are_none_are_refused(
    small_world: World, store: Store, tmp_path: Path, records: pd.DataFrame
) -> None:
    model, _ = loaded(small_world, store, HeadOnly(schedule=SCHEDULE), tmp_path)
    with pytest.raises(AtlasError, match="not the base64 of a PNG or JPEG"):
        model.predict(records.assign(task="digits", text="", image="aGVsbG8="))
    for text in ("to paint it .", '"one text"', "[]"):
        with pytest.raises(AtlasError, match="give a JSON list of its choices"):
            model.predict(records.assign(task="piqa-twin", text=text))


def sent(image: Image.Image, kind: str = "PNG", **options: Any) -> Request:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Request(task="digits", image=base64.b64encode(buffer.getvalue()).decode())


def test_a_served_text_is_cut_as_in_training(
    small_world: World, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: pd.DataFrame
) -> None:
    model, _ = loaded(small_world, store, HeadOnly(schedule=SCHEDULE), tmp_path)
    served = {task: one.model_copy(update={"max_tokens": 5}) for task, one in model.record.tasks.items()}
    model.record.model_copy(update={"tasks": served}).write(model.folder)
    seen: list[Batch] = []
    batch_of = Request.batch

    def noted(request: Request, *given: Any) -> Batch:
        seen.append(batch_of(request, *given))
        return seen[-1]

    monkeypatch.setattr(Request, "batch", noted)
    LoadedModel(model.folder).predict(records[records["task"] == "piqa-twin"])
    assert seen[0].tokens.shape == (1, 2, 5)


DIGITS = ServedTask(outputs=10, images=1, choices=1, text_tokens=8)


def test_a_served_picture_is_seen_as_in_training(small_world: World, tmp_path: Path) -> None:
    processor = small_world.worker_context.backbone.processor
    exif = Image.Exif()
    exif[rgb.ORIENTATION] = 6
    shades = Image.linear_gradient("L").convert("RGB")
    for number, (image, options) in enumerate(
        [
            (shades, {"exif": exif}),
            (Image.new("I;16", (8, 8), 40_000), {}),
            (Image.new("RGBA", (8, 8), (9, 9, 9, 90)), {}),
            (Image.new("P", (8, 8), 0), {"transparency": 0}),
        ]
    ):
        image.save(tmp_path / f"{number}.png", **options)
        trained, _ = decode(picture(tmp_path, f"{number}.png"), processor)
        served = sent(image, **options).batch(DIGITS, processor).pixels[0, 0]
        assert (served.numpy() == trained).all()


@pytest.mark.parametrize(
    ("image", "kind", "reason"),
    [
        (Image.new("F", (8, 8)), "TIFF", "its greys are floats"),
        (Image.new("I", (8, 8)), "TIFF", "its greys are 32-bit"),
        (Image.new("1", (10_001, 10_000)), "PNG", "10001 x 10000 pixels, more than"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_served_picture_that_training_would_leave_out_is_refused(
    small_world: World, image: Image.Image, kind: str, reason: str
) -> None:
    with pytest.raises(AtlasError, match=reason):
        sent(image, kind).batch(DIGITS, small_world.worker_context.backbone.processor)


def test_a_served_picture_that_is_cut_short_is_refused(small_world: World) -> None:
    whole = base64.b64decode(sent(Image.effect_noise((64, 64), 90)).image)
    half = base64.b64encode(whole[: len(whole) // 2]).decode()
    with pytest.raises(AtlasError, match="truncated"):
        Request(task="digits", image=half).batch(DIGITS, small_world.worker_context.backbone.processor)
