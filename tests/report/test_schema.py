from __future__ import annotations

import json
from pathlib import Path

from atlas.report.schema import summary_schema
from atlas.report.summary import Summary

PUBLISHED = Path(__file__).parents[2] / "docs" / "summary.schema.json"


def test_the_published_schema_is_the_generated_one() -> None:
    assert PUBLISHED.read_text() == summary_schema(), "python -m atlas.report.schema > docs/summary.schema.json"


def test_the_schema_has_every_key_refuses_others_and_says_what_they_mean() -> None:
    schema = json.loads(summary_schema())
    assert set(schema["properties"]) == {field.alias or name for name, field in Summary.model_fields.items()}
    assert schema["additionalProperties"] is False
    assert "accuracy" in schema["$defs"]["BestTrial"]["properties"]["goal"]["description"].lower()
    models = [one for one in schema["$defs"].values() if "properties" in one]
    assert all(one["description"] and one["additionalProperties"] is False for one in models)
