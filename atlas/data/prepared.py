"""A prepared folder: Arrow files a split, and the card that says what they are.

<root>/<task>/<key>/{train,val,test}.arrow            id, pictures, tokens, label (or targets)
                    {train,val,test}-pictures.arrow   pixels: one row a picture, whatever its records
                    card.json, README.md              what they are, for programs and for people
                    broken.jsonl                      the records that were left out, where there are any
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.runtime.digest import file_sha256, text_sha256
from atlas.runtime.errors import AtlasError

CARD = "card.json"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A finished folder of one task. `fingerprint` is the digest of its Arrow files; counts are records a split."""

    path: Path
    task: str
    fingerprint: str
    counts: Mapping[str, int]
    card: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path, sizes: Mapping[str, int] | None = None) -> Prepared:
        """Read the card of a prepared folder; `sizes` are its files' where they lie elsewhere.

        Raises AtlasError where there is none or files are short.
        """
        path = Path(path)
        card = read_card(path, sizes)
        if card is None:
            raise AtlasError(f"{path} holds no whole prepared data. Prepare the task again")
        return cls(path=path, task=card["task"], fingerprint=card["fingerprint"], counts=card["counts"], card=card)

    def verify(self) -> None:
        """Read every file and compare its digest with the card's. Raises AtlasError that names what changed."""
        digests = file_digests(self.path, self.card["files"])
        changed = [name for name, digest in digests.items() if digest != self.card["files"][name]["sha256"]]
        if changed:
            raise AtlasError(
                f"{self.path}: {', '.join(changed)} changed since it was prepared. Remove and prepare again"
            )


def read_card(path: Path, sizes: Mapping[str, int] | None = None) -> dict[str, Any] | None:
    """The card of a folder whose files all have the recorded sizes; None where anything is missing.

    `sizes` are those of its files, where these lie elsewhere; else they are looked at.
    """
    try:
        card: dict[str, Any] = json.loads((path / CARD).read_text(encoding="utf-8"))
        found = {name: (path / name).stat().st_size if sizes is None else sizes[name] for name in card["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return card if all(found[name] == entry["bytes"] for name, entry in card["files"].items()) else None


def find_by_fingerprint(root: Path, task: str, fingerprint: str) -> Path | None:
    """The folder of the task under `root` that holds the very data of that fingerprint; None where there is none."""
    for path in sorted((root / task).glob("*")):
        card = read_card(path) if path.is_dir() else None
        if card is not None and card["fingerprint"] == fingerprint:
            return path
    return None


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write the card to the disk, byte for byte the same for the same content."""
    with (path / CARD).open("w", encoding="utf-8") as file:
        json.dump(card, file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def file_digests(path: Path, names: Iterable[str]) -> dict[str, str]:
    """sha256 of each file. Raises AtlasError where one cannot be read."""
    digests = {}
    for name in sorted(names):
        try:
            digests[name] = file_sha256(path / name)
        except OSError as error:
            raise AtlasError(f"cannot read {path / name}: {error.strerror}. Prepare the task again") from error
    return digests


def fingerprint(digests: Mapping[str, str]) -> str:
    """One digest of all files: sha256 over their names and digests in order."""
    return text_sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)))
