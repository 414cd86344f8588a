from __future__ import annotations

import io
import json
import warnings
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

import atlas
from atlas.steps.train import load_model
from atlas.sweep.summary import FinishedSweep
from atlas.tasks import TASKS
from atlas.tasks.sample import Picture, Record
from tests.results.conftest import SWEEP
from tests.small import World


@pytest.fixture(scope="module")
def result(ended_storage: Path) -> atlas.SweepResult:
    return atlas.open(SWEEP, storage=ended_storage)


@pytest.fixture(scope="module")
def model(result: atlas.SweepResult) -> atlas.TrainedModel:
    return result.model()


def image_of(record: Record) -> Image.Image:
    return record.pictures[0].open()


def test_it_is_loaded_without_a_word(result: atlas.SweepResult, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result.model(result.trials[0].id)
    assert capfd.readouterr() == ("", "")


def test_it_answers_as_the_model_that_was_trained(
    model: atlas.TrainedModel, result: atlas.SweepResult, small_world: World, ended: FinishedSweep
) -> None:
    split = small_world.worker_context.data["digits"].splits["test"]
    batch = split.batch(torch.arange(6))
    last = next(
        step
        for walk in (walk for record in ended.trials for walk in record.walks)
        for step in [walk.steps(ended.inputs.step_inputs)[-1][-1]]
        if step.key == result.best.step_keys[-1]
    )
    trained = load_model(last, small_world.worker_context, ended.inputs.store)
    trained.activate(last.task)
    wanted = [TASKS["digits"].answers[int(row.argmax())] for row in trained(batch, "digits")]
    trained.detach()
    records = list(islice(TASKS["digits"].read("test", None), 6))
    found = model.predict(records, task="digits")
    assert list(found["answer"]) == wanted
    assert found["probability"].between(0, 1).all()


def test_every_form_of_a_record_is_answered_alike(model: atlas.TrainedModel, tmp_path: Path) -> None:
    (record,) = islice(TASKS["easy-vqa"].read("test", None), 1)
    image, held = image_of(record).convert("RGB"), io.BytesIO()
    image.save(held, "PNG")
    (tmp_path / "one.png").write_bytes(held.getvalue())
    text = record.texts[0]
    forms = [
        {"text": text, "image": tmp_path / "one.png"},
        {"text": [text], "image": held.getvalue()},
        {"task": "easy-vqa", "text": text, "image": [image]},
    ]
    found = model.predict([record, *forms], task="easy-vqa")
    assert found["answer"].nunique() == 1
    assert found["probability"].max() == pytest.approx(found["probability"].min(), abs=1e-6)
    frame = pd.DataFrame(forms[:2], index=["a", "b"])
    assert list(model.predict(frame, task="easy-vqa").index) == ["a", "b"]


def test_both_routes_answer(model: atlas.TrainedModel) -> None:
    records = list(islice(TASKS["easy-vqa"].read("test", None), 3))
    for route in ("latest", "own"):
        assert len(model.predict(records, task="easy-vqa", route=route)) == 3


def test_another_walk_has_another_model(result: atlas.SweepResult, model: atlas.TrainedModel) -> None:
    other = result.model(result.trials[-1].id)
    assert other.order == model.order[::-1]


@pytest.mark.parametrize(
    ("record", "task", "message"),
    [
        ({"text": "?"}, "", "a record names no task; give one of"),
        ({"text": "?"}, "digts", "Did you mean 'digits'"),
        ({"question": "?"}, "digits", "a record has 'question'; give task, text, image"),
        ({"image": 3}, "digits", "an image is a int; give a pathlib.Path, a PIL image, bytes or base64"),
        ({"image": Path("/nowhere.png")}, "digits", "the image /nowhere.png cannot be read"),
        ({"image": b"no image"}, "digits", "not the base64 of a PNG or JPEG"),
    ],
)
def test_bad_records_are_refused_in_one_line(
    model: atlas.TrainedModel, record: dict[str, object], task: str, message: str
) -> None:
    with pytest.raises(atlas.UserError, match=message) as refused:
        model.predict([record], task=task)
    assert "\n" not in str(refused.value)


def test_pictures_are_seen_as_in_training(model: atlas.TrainedModel) -> None:
    """A transparent picture lies on white, as where it was prepared."""
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    white = Image.new("RGB", (32, 32), "white")
    records = [
        Record(id=str(number), pictures=(Picture(name=str(number), open=lambda one=one: one),), texts=("?",), label=0)
        for number, one in enumerate((clear, white))
    ]
    found = model.predict(records, task="easy-vqa")
    assert found["probability"].iloc[0] == found["probability"].iloc[1]


def test_steps_and_data_that_are_not_there_are_named(ended_storage: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweeps" / SWEEP
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text((ended_storage / "sweeps" / SWEEP / "summary.json").read_text())
    with pytest.raises(atlas.UserError, match="has no step"):
        atlas.open(SWEEP, storage=tmp_path).model()
    (tmp_path / "store").symlink_to(ended_storage / "store")
    with pytest.raises(atlas.UserError, match=r"is not under .*; `atlas prepare \S+` makes it again"):
        atlas.open(SWEEP, storage=tmp_path).model()


def test_a_walk_that_did_not_finish_has_no_model(ended_storage: Path, tmp_path: Path) -> None:
    document = json.loads((ended_storage / "sweeps" / SWEEP / "summary.json").read_text())
    document["trials"][0]["status"] = "FAILED"
    document["best"] = None
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(document))
    with pytest.raises(atlas.UserError, match="is FAILED; name one that finished"):
        atlas.open(path).model(document["trials"][0]["id"])
