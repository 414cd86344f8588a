"""Events as lines of JSON: the form of journals (`events.jsonl`) and of the sink `jsonl:`. One line is one event."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from atlas.runtime.errors import UserError, unknown
from atlas.tracking.events import EVENTS, Event

SCHEMA_VERSION = 4
"""1: {"kind", "key", "at", "body": {...}}, no number; 2: no `trials` at a sweep's end; 3: no `scope` of a step."""


def to_line(event: Event) -> bytes:
    """One line of JSON, its end included."""
    fields = {"schema_version": SCHEMA_VERSION, "kind": event.kind, **event.model_dump(mode="json")}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Event:
    """The event of a line, of this schema or of an earlier one.

    Raises:
        UserError: the line is no event, of an unknown kind, or of a later schema.
    """
    try:
        fields = json.loads(line)
        version = fields.pop("schema_version", 1)
        kind = fields.pop("kind")
        if version == 1:
            fields = _from_version_1(kind, fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{line[:80]!r} is not a line of a tracking journal: {error}.") from error
    if version > SCHEMA_VERSION:
        raise UserError(f"{line[:80]!r} was written by a later version of atlas (schema {version}); install that one.")
    if kind not in EVENTS:
        raise unknown("kind of event", kind, EVENTS)
    try:
        return EVENTS[kind].model_validate(fields)
    except ValidationError as error:
        raise UserError(f"{line[:80]!r} is not a line of a tracking journal: {error}.") from error


def _from_version_1(kind: str, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The fields of today's event. In version 1 those of a step stood under `body.facts`, its key beside them."""
    body = fields["body"]
    if not isinstance(body, dict):
        raise ValueError("its body is no object")
    if kind == "step_finished":
        facts = body["facts"]
        if not isinstance(facts, dict):
            raise ValueError("its facts are no object")
        body = {**facts, "key": fields["key"]}
    return {**body, "at": fields["at"]}
