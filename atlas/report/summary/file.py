"""Reading and writing `summary.json`, of this version and of version 1."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import JsonValue, ValidationError

from atlas.report.summary.summary import SCHEMA, Summary
from atlas.runtime.errors import UserError
from atlas.runtime.problems import first_of, problem_lines
from atlas.storage.filesystem import write_whole

Document = dict[str, JsonValue]
NOT_SAID = "the reason was not recorded"


def read_summary(path: Path) -> Summary:
    """The summary at `path`. Raises UserError, naming the first problem, where there is none or it is not valid."""
    try:
        document = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable summary of a sweep: {error}.") from error
    return summary_from(document, f"the summary {path}")


def write_summary(summary: Summary, path: Path) -> None:
    """Write the summary atomically. Raises UserError, naming the first problem, where it is not valid."""
    document = document_of(summary)
    summary_from(document, f"the summary {path}")  # copies with other values were not checked yet
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(document, indent=1, allow_nan=False).encode())


def document_of(summary: Summary) -> Document:
    """The summary as plain JSON values; keys that were never given a value are left out."""
    document: Document = summary.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return document


def summary_from(document: JsonValue, what: str) -> Summary:
    """The summary that a JSON document of this version or of version 1 holds.

    Raises UserError, which begins with `what` and names the first problem with its place and value.
    """
    if not isinstance(document, dict):
        raise UserError(f"{what} is none: it holds a {type(document).__name__}.")
    if document.get("schema") not in (1, SCHEMA):
        raise UserError(f"{what}: schema is {document.get('schema')!r}; this version reads 1 and {SCHEMA}.")
    try:
        return Summary.model_validate_json(json.dumps(current_document(document)))
    except ValidationError as error:
        raise UserError(f"{what}: {first_of(problem_lines(error))}.") from error


def current_document(document: Document) -> Document:
    """A document of version 1 in the form of version 2: a metric without a value says why by itself."""
    if document.get("schema") != 1:
        return document
    trials = document.get("trials")
    if not isinstance(trials, list):
        return {**document, "schema": SCHEMA}
    return {**document, "schema": SCHEMA, "trials": [_trial_of_version_1(trial) for trial in trials]}


def _trial_of_version_1(trial: JsonValue) -> JsonValue:
    """Version 1 has null for such a metric, and its reason under `<split>/undefined` by the rest of its name."""
    if not isinstance(trial, dict) or not isinstance(metrics := trial.get("metrics"), dict):
        return trial
    reasons = {name.removesuffix("/undefined"): why for name, why in metrics.items() if name.endswith("/undefined")}

    def reason(name: str) -> JsonValue:
        split, _, rest = name.partition("/")
        known = reasons.get(split)
        return known.get(rest, NOT_SAID) if isinstance(known, dict) else NOT_SAID

    values: Document = {
        name: {"undefined": reason(name)} if value is None else value
        for name, value in metrics.items()
        if not name.endswith("/undefined")
    }
    return {**trial, "metrics": values}
