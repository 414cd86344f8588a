from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.serving.model_record import SCHEMA_VERSION, ModelRecord, ServedTask

DIGITS = ServedTask(outputs=10, images=1, choices=1, answers=tuple("0123456789"), text_tokens=6)
RECORD = ModelRecord(
    name="atlas-order",
    sweep="order-1",
    backbone="vilt-tiny",
    digest="abc",
    order=("digits",),
    tasks={"digits": DIGITS},
    figures={"val": 51.0, "test": None},
)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    assert json.loads((tmp_path / "stack.json").read_text())["schema_version"] == SCHEMA_VERSION
    assert ModelRecord.read(tmp_path) == RECORD


def test_the_record_of_a_model_registered_before_records_had_a_number_is_read(tmp_path: Path) -> None:
    task = {"outputs": 10, "images": 1, "choices": 1, "answers": list("0123456789"), "text_tokens": 6}
    facts = {"name": "atlas-order", "sweep": "order-1", "backbone": "vilt-tiny", "digest": "abc"}
    figures = {"val": 51.0, "test": None}
    text = json.dumps({**facts, "tasks": {"digits": task}, "figures": figures, "order": ["digits"]}, indent=1)
    (tmp_path / "stack.json").write_text(text)
    assert ModelRecord.read(tmp_path) == RECORD


def test_a_folder_without_a_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="is not the record of a registered model"):
        ModelRecord.read(tmp_path)
    (tmp_path / "stack.json").write_text('{"name": "c"}')
    with pytest.raises(AtlasError, match="digest"):
        ModelRecord.read(tmp_path)
