"""A prepared folder: Arrow files a split, and their card.

<root>/<task>/<key>/{train,val,test}.arrow            id, pictures, tokens, label (or targets)
                    {train,val,test}-pictures.arrow   pixels: one row a picture, whatever its records
                    card.json, README.md              the card, for programs and for people
                    broken.jsonl                      the records that were left out, where there are any
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from atlas.data.card import DataCard, read_card
from atlas.runtime.digest import file_sha256, text_sha256
from atlas.runtime.errors import UserError
from atlas.runtime.os_errors import error_from


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A finished folder of one task and its card. made: whether this process prepared it just now."""

    path: Path
    card: DataCard
    made: bool = field(default=False, compare=False)

    @property
    def task(self) -> str:
        """The task's name."""
        return self.card.task

    @property
    def fingerprint(self) -> str:
        """The digest of the folder's Arrow files."""
        return self.card.fingerprint

    @property
    def counts(self) -> Mapping[str, int]:
        """The records of each split."""
        return self.card.counts

    @classmethod
    def load(cls, path: Path, sizes: Mapping[str, int] | None = None) -> Prepared:
        """Read the card of a prepared folder; `sizes` are its files' where they lie elsewhere.

        Raises UserError where there is none or files are short.
        """
        path = Path(path)
        card = read_card(path, sizes)
        if card is None:
            raise UserError(f"{path} holds no whole prepared data. Prepare the task again")
        return cls(path=path, card=card)

    def verify(self) -> None:
        """Read every file and compare its digest with the card's. Raises UserError that names what changed."""
        digests = file_digests(self.path, self.card.files)
        changed = [name for name, digest in digests.items() if digest != self.card.files[name].sha256]
        if changed:
            raise UserError(
                f"{self.path}: {', '.join(changed)} changed since it was prepared. Remove and prepare again"
            )


def find_by_fingerprint(root: Path, task: str, fingerprint: str) -> Path | None:
    """The folder of the task under `root` that holds the very data of that fingerprint; None where there is none."""
    for path in sorted((root / task).glob("*")):
        card = read_card(path) if path.is_dir() else None
        if card is not None and card.fingerprint == fingerprint:
            return path
    return None


def file_digests(path: Path, names: Iterable[str]) -> dict[str, str]:
    """sha256 of each file. Raises AtlasError where one cannot be read."""
    digests = {}
    for name in sorted(names):
        try:
            digests[name] = file_sha256(path / name)
        except OSError as error:
            raise error_from(error, f"cannot read {path / name}: {error.strerror}. Prepare the task again") from error
    return digests


def fingerprint(digests: Mapping[str, str]) -> str:
    """One digest of all files: sha256 over their names and digests in order."""
    return text_sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)))
