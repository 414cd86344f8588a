"""Reading the JSON files of a backbone's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.runtime.os_errors import error_from

if TYPE_CHECKING:
    from pydantic import JsonValue


def read_json(path: Path, *, optional: bool = False) -> dict[str, JsonValue]:
    """The object in a JSON file; {} where an optional one is absent. Raises UserError."""
    if optional and not path.is_file():
        return {}
    try:
        content: JsonValue = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise error_from(
            error, f"a backbone's folder needs {path.name}, cannot read {path}: {error.strerror}"
        ) from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} should hold a JSON object, holds a {type(content).__name__}")
    return content


def read_image_config(folder: Path, *, nested: bool) -> Mapping[str, JsonValue]:
    """The settings of images; {} where a folder has none. Raises UserError for a file that is no JSON.

    nested: they may stand within those of the whole processor, as newer files of generative models have them.
    """
    found = read_json(folder / "preprocessor_config.json", optional=True)
    if found or not nested:
        return found
    within = read_json(folder / "processor_config.json", optional=True).get("image_processor")
    return within if isinstance(within, dict) else {}
