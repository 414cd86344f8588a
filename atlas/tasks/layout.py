"""The layout of a published dataset: which files must lie where, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atlas.errors import AtlasError


@dataclass(frozen=True, kw_only=True)
class Needed:
    """One file or folder of a layout: the relative path, or any one of several where releases differ.

    A path that ends in `/` is a folder that must hold something.
    """

    paths: tuple[str, ...]

    def found(self, source: Path) -> Path | None:
        """The first of the paths that is there."""
        return next((source / path for path in self.paths if _is_there(source / path, path.endswith("/"))), None)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a task needs under its source folder, and where people get it: one sentence that names the site."""

    needs: tuple[Needed, ...]
    obtain: str

    def check(self, task: str, source: Path) -> None:
        """Raises AtlasError that lists everything that is missing, where it was looked for, and where to get it."""
        if not source.is_dir():
            raise AtlasError(f"{task}: the source {str(source)!r} is not a folder. {self.obtain}")
        missing = [" or ".join(need.paths) for need in self.needs if need.found(source) is None]
        if missing:
            raise AtlasError(
                f"{task}: {len(missing)} of {len(self.needs)} files are missing under {source}: {'; '.join(missing)}. "
                f"{self.obtain}"
            )

    def path(self, source: Path, path: str) -> Path:
        """The file that stands for `path`, one of a need's alternatives, in the release at hand."""
        need = next(need for need in self.needs if path in need.paths)
        return need.found(source) or source / path


def _is_there(path: Path, folder: bool) -> bool:
    if folder:
        return path.is_dir() and next(path.iterdir(), None) is not None
    return path.is_file()
