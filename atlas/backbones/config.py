"""Reading the JSON files of a backbone's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import AtlasError

if TYPE_CHECKING:
    from pydantic import JsonValue


def read_json(path: Path, *, optional: bool = False) -> dict[str, JsonValue]:
    """The object in a JSON file; {} where an optional one is absent. Raises AtlasError."""
    if optional and not path.is_file():
        return {}
    try:
        content: JsonValue = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AtlasError(f"a backbone's folder needs {path.name}, cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise AtlasError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise AtlasError(f"{path} should hold a JSON object, holds a {type(content).__name__}")
    return content
