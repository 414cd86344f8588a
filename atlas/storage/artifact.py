"""A store's entry and its marker: what was committed, as JSON that carries its own digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from atlas.runtime.errors import AtlasError

SUFFIXES = (".safetensors", ".json", ".md")


class CorruptArtifact(AtlasError):
    """An entry whose files are not what its marker says; it has been moved aside."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A committed step: `files` maps a relative name to (sha256, bytes), `facts` is the step's JSON."""

    key: str
    attempt: str
    facts: dict[str, Any]
    files: dict[str, tuple[str, int]]


def relative(name: str) -> str:
    """`name` where it stays inside its folder; raises AtlasError for absolute paths and for '..'."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or "\\" in name or str(path) != name or {"..", "."} & set(path.parts):
        raise AtlasError(f"the path {name!r} must be relative, plain and without '..'.")
    return name


def artifact_files(folder: Path) -> list[tuple[str, Path]]:
    """(relative name, path) of every file below `folder`; raises AtlasError for what may not go in."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    for path in paths:
        if path.is_symlink() or path.suffix not in SUFFIXES:
            raise AtlasError(f"{path} may not go into a store: only plain files ending in {', '.join(SUFFIXES)} may.")
    return [(relative(path.relative_to(folder).as_posix()), path) for path in paths]


def canonical(body: Mapping[str, Any]) -> bytes:
    """JSON in one spelling. Raises AtlasError for what is not plain JSON, NaN included."""
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise AtlasError(f"the facts of a step must be plain JSON without NaN: {error}.") from error


def marker_of(entry: Artifact) -> bytes:
    """The marker's text; it carries its own digest, so that a cut or altered marker shows."""
    body: dict[str, Any] = {"schema": 1, "key": entry.key, "attempt": entry.attempt, "facts": entry.facts}
    body["files"] = {name: {"sha256": sha, "size": size} for name, (sha, size) in entry.files.items()}
    return canonical({**body, "digest": hashlib.sha256(canonical(body)).hexdigest()})


def parse_marker(key: str, text: bytes) -> Artifact:
    """The inverse of `marker_of`. Raises ValueError or KeyError where the text is not the marker of `key`."""
    body = json.loads(text)
    digest = body.pop("digest")
    if body["key"] != key or hashlib.sha256(canonical(body)).hexdigest() != digest:
        raise ValueError("its digest or key is another than its content's")
    files = {relative(name): (item["sha256"], int(item["size"])) for name, item in body["files"].items()}
    return Artifact(key=key, attempt=relative(body["attempt"]), facts=body["facts"], files=files)
