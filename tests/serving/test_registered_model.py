from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.serving import registered_model
from atlas.serving.champion import Merit
from atlas.serving.model_record import ModelRecord, ServedTask
from atlas.serving.registered_model import RegisteredModel, description, register
from atlas.tracking import default_tracking_uri
from atlas.tracking.mlflow.address import connect

TASK = ServedTask(outputs=10, images=1, choices=1, text_tokens=8)
MODEL = RegisteredModel(
    record=ModelRecord(
        name="atlas-order",
        sweep="order-1",
        backbone="vilt-tiny",
        digest="d",
        order=("digits", "vqa"),
        tasks={"digits": TASK, "vqa": TASK},
        figures={"val": 70.0, "test": 68.5},
    ),
    folders={},
    merit=Merit(tasks=("digits", "vqa"), score="s", title="average accuracy", records="r", value=70.0),
)


def with_value(value: float, *, smoke: bool = False) -> RegisteredModel:
    assert MODEL.merit is not None
    return replace(MODEL, merit=replace(MODEL.merit, value=value, smoke=smoke))


def test_a_description_has_order_scores_source_and_how_to_load_it() -> None:
    text = description(MODEL, "3", "http://me:hunter2@mlflow:5000")
    assert "digits → vqa" in text
    assert "**Ranked by:** average accuracy" in text
    assert "**Scores:** val 70.00, test 68.50" in text
    assert "`order-1`" in text
    assert "mlflow models serve -m models:/atlas-order/3" in text
    assert "hunter2" not in text


def test_the_python_of_a_description_is_python() -> None:
    _, _, rest = description(MODEL, "3", "sqlite:////d/mlflow.db").partition("```python\n")
    code = rest.partition("\n```")[0]
    compile(code, "description", "exec")
    assert "load_model('models:/atlas-order/3')" in code
    assert "set_tracking_uri('sqlite:////d/mlflow.db')" in code


def test_the_alias_moves_to_a_better_model_alone_and_it_is_said(
    mlflow_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(mlflow_tables, tmp_path)
    uri, logged = default_tracking_uri(tmp_path), tmp_path / "logged"
    logged.mkdir()
    monkeypatch.setattr(registered_model, "_logged", lambda model: str(logged))
    said = [
        register(model, uri, "atlas")
        for model in (with_value(99.0, smoke=True), with_value(70.0), with_value(69.0), with_value(71.0))
    ]
    assert said == [
        "models:/atlas-order/1 (no version is @champion: a smoke run's model never takes it)",
        "models:/atlas-order/2 (now @champion)",
        "models:/atlas-order/3 (@champion stays version 2: its score on val is 70.00, this one's 69.00)",
        "models:/atlas-order/4 (now @champion)",
    ]
    client = connect(uri)
    assert client.get_model_version_by_alias("atlas-order", "champion").version == 4
    version = client.get_model_version("atlas-order", "3")
    assert "models:/atlas-order/3" in version.description
    assert version.tags["order"] == "digits → vqa"
