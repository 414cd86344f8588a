"""The JSON schema of `summary.json`, generated from its types.

python -m atlas.report.schema > docs/summary.schema.json
"""

from __future__ import annotations

import json

from atlas.report.summary import Summary


def summary_schema() -> str:
    """The schema, as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Summary.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(summary_schema(), end="")
