"""Verification of stored files by their recorded sizes and digests, once a process and folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyarrow import fs

from atlas.runtime.text import by_number
from atlas.storage.filesystem import stored_sha256


@dataclass
class VerifiedFolders:
    """The folders whose files were hashed, by path and filesystem: a copy is not verified because its original was."""

    hashed: dict[str, set[str]] = field(default_factory=dict)

    def fault(self, filesystem: fs.FileSystem, folder: str, files: Mapping[str, tuple[str, int]]) -> str | None:
        """The first fault of these files (name → sha256, bytes) in `folder`, in words; None where they are whole."""
        if _name_of(filesystem) in self.hashed.get(folder, ()):
            return size_fault(filesystem, folder, files)
        fault = content_fault(filesystem, folder, files)
        if fault is None:
            self.add(filesystem, folder)
        return fault

    def add(self, filesystem: fs.FileSystem, folder: str) -> None:
        """Count `folder` as verified."""
        self.hashed.setdefault(folder, set()).add(_name_of(filesystem))

    def forget(self, folder: str) -> None:
        """Hash `folder` again, wherever it lies, before it counts as verified."""
        self.hashed.pop(folder, None)


def content_fault(filesystem: fs.FileSystem, folder: str, files: Mapping[str, tuple[str, int]]) -> str | None:
    """The first of these files that is missing or has another size or digest, in words; None where all are whole."""
    if fault := size_fault(filesystem, folder, files):
        return fault
    for name, (sha, _) in files.items():
        if stored_sha256(filesystem, f"{folder}/{name}") != sha:
            return f"{name} has another sha256 than recorded"
    return None


def size_fault(filesystem: fs.FileSystem, folder: str, files: Mapping[str, tuple[str, int]]) -> str | None:
    """The first of these files that is missing or has another size, in words; None where all are as recorded."""
    infos = filesystem.get_file_info([f"{folder}/{name}" for name in files])
    for info, (name, (_, size)) in zip(infos, files.items(), strict=True):
        if info.type != fs.FileType.File:
            return f"{name} is missing"
        if info.size != size:
            return f"{name} has {info.size} {by_number(info.size, 'byte', 'bytes')} instead of {size}"
    return None


def _name_of(filesystem: fs.FileSystem) -> str:
    below = filesystem.base_path if isinstance(filesystem, fs.SubTreeFileSystem) else ""
    return f"{filesystem.type_name}:{below}"
