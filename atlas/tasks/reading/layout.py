"""The layout of a published dataset: which files must lie where, checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted
from atlas.tasks.reading.files import digest, given
from atlas.tasks.reading.folders import folder_digest, is_filled
from atlas.tasks.reading.missing import hints, nearest, whole_elsewhere


@dataclass(frozen=True, kw_only=True)
class Needed:
    """One file or folder of a layout: the relative path, or any one of several where releases differ.

    A path that ends in `/` is a folder that must hold something but hidden files; it may be a link.
    """

    paths: tuple[str, ...]

    def found(self, source: Path) -> Path | None:
        """The first of the paths that is there."""
        return next((source / path for path in self.paths if _is_there(source / path, path.endswith("/"))), None)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files that a task needs under its source folder, and a sentence that says where to get them."""

    needs: tuple[Needed, ...]
    obtain: str

    @classmethod
    def of(cls, *paths: str, obtain: str) -> Layout:
        """A layout that needs all of these paths."""
        return cls(needs=tuple(Needed(paths=(path,)) for path in paths), obtain=obtain)

    def check(self, task: str, source: Path) -> None:
        """Raises UserError that lists everything that is missing, where it was looked for, and where to get it."""
        if not source.is_dir():
            raise UserError(
                f"{task}: the source {str(source)!r} is not a folder. {self.obtain} Looked at {source.absolute()}. "
                f"{nearest(source)}"
            )
        missing = self.missing(source)
        if missing:
            whole = whole_elsewhere(source, lambda folder: not self.missing(folder))
            gone = [path for need in self.needs if need.found(source) is None for path in need.paths]
            advice = whole or f"{self.obtain} {hints(source, gone)}"
            raise UserError(
                f"{task}: {len(missing)} of {counted(len(self.needs), 'file')} "
                f"{by_number(len(missing), 'is', 'are')} missing under {source}: {'; '.join(missing)}. "
                f"{advice.strip()}"
            )

    def missing(self, source: Path) -> list[str]:
        """The missing needs, each with its alternatives, and with what is there in their place."""
        return [
            " or ".join(f"{path}{_instead(source / path)}" for path in need.paths)
            for need in self.needs
            if need.found(source) is None
        ]

    def digests(self, source: Path | None) -> Mapping[str, str]:
        """sha256 of each needed file that is no folder, by its name. Raises UserError where one cannot be read."""
        paths = [need.found(given(source)) or given(source) / need.paths[0] for need in self.needs]
        return {path.name: digest(path) for path in paths if not path.is_dir()}

    def pictures(self, source: Path) -> Mapping[str, str]:
        """A digest of the names and sizes in each needed folder, by its path. Raises UserError."""
        found = [place for need in self.needs if (place := need.found(source)) is not None and place.is_dir()]
        return {f"{place.relative_to(source).as_posix()}/": folder_digest(place) for place in dict.fromkeys(found)}

    def path(self, source: Path, path: str) -> Path:
        """The file that stands for `path`, one of a need's alternatives, in the release at hand."""
        need = next(need for need in self.needs if path in need.paths)
        return need.found(source) or source / path


def _instead(path: Path) -> str:
    """What is at the path, though it is not what is needed, in brackets."""
    if os.path.isdir(path):
        return " (a folder without files)" if not is_filled(path) else " (a folder)"
    if os.path.islink(path) and not os.path.exists(path):
        return f" (a link to {os.readlink(path)}, which is not there)"
    return " (a file)" if os.path.isfile(path) else " (a pipe or a device)" if os.path.exists(path) else ""


def _is_there(path: Path, folder: bool) -> bool:
    return is_filled(path) if folder else os.path.isfile(path)
