from __future__ import annotations

import json
from pathlib import Path

from atlas.tasks.twins.publish import write_document, write_lines


def test_a_document_is_the_json_of_its_head_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_document(path, {"info": {"year": 2019}}, {"images": iter([{"id": 1}, {"id": 2}]), "none": iter([])})
    assert json.loads(path.read_text()) == {"info": {"year": 2019}, "images": [{"id": 1}, {"id": 2}], "none": []}


def test_objects_become_json_lines_and_texts_stay_as_they_are(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"a": [1, "b"]}, "/a/airfield 0"])
    assert (tmp_path / "a.jsonl").read_text() == '{"a": [1, "b"]}\n/a/airfield 0\n'
