"""An artifact and its marker: the record of what was committed, as JSON that carries its own digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from atlas.runtime.errors import InfrastructureError, UserError
from atlas.storage.filesystem import relative
from atlas.storage.step_result import StepResult, read_result

SUFFIXES = (".safetensors", ".json", ".md")


class CorruptArtifact(InfrastructureError):
    """An artifact whose files do not match its marker; it has been moved aside."""


class CommitRecord(Protocol):
    """The record of a commit beside its files: a `StepResult`, or the counters of a checkpoint."""

    def to_json(self) -> dict[str, JsonValue]:
        """The record as plain JSON values."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A committed folder: `files` maps a relative name to (sha256, bytes), `facts` is its record as JSON.

    `attempt` names the folder that the commit wrote into. The JSON stays as it was read, since the marker's digest is
    of it; `result` is the record of a step.
    """

    key: str
    attempt: str
    facts: dict[str, JsonValue]
    files: dict[str, tuple[str, int]]

    @cached_property
    def result(self) -> StepResult:
        """The step's result. Raises UserError where the record is of something else or of a later version."""
        return read_result(self.facts)


def artifact_files(folder: Path) -> list[tuple[str, Path]]:
    """(relative name, path) of every file below `folder`; raises UserError for links and other suffixes."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    for path in paths:
        if path.is_symlink() or path.suffix not in SUFFIXES:
            raise UserError(f"{path} may not go into a store: only plain files ending in {', '.join(SUFFIXES)} may.")
    return [(relative(path.relative_to(folder).as_posix()), path) for path in paths]


def canonical(body: Mapping[str, JsonValue]) -> bytes:
    """JSON with sorted keys and no spaces. Raises UserError for values that are not plain JSON, NaN included."""
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UserError(f"the record of a step must be plain JSON without NaN: {error}.") from error


def marker_of(artifact: Artifact) -> bytes:
    """The marker's text; it carries its own digest, so that a truncated or altered marker is noticed."""
    body: dict[str, JsonValue] = {"schema": 1, "key": artifact.key, "attempt": artifact.attempt}
    body["facts"] = artifact.facts
    body["files"] = {name: {"sha256": sha, "size": size} for name, (sha, size) in artifact.files.items()}
    return canonical({**body, "digest": hashlib.sha256(canonical(body)).hexdigest()})


def parse_marker(key: str, text: bytes) -> Artifact:
    """The inverse of `marker_of`. Raises ValueError or KeyError where the text is not the marker of `key`."""
    body = json.loads(text)
    digest = body.pop("digest")
    if body["key"] != key or hashlib.sha256(canonical(body)).hexdigest() != digest:
        raise ValueError("its digest or key is another than its content's")
    files = {relative(name): (item["sha256"], int(item["size"])) for name, item in body["files"].items()}
    return Artifact(key=key, attempt=relative(body["attempt"]), facts=body["facts"], files=files)
