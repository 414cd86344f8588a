"""Uploads to any filesystem: a local file, digested on its way, and the folder that it goes to."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pyarrow import fs

from atlas.storage.filesystem import OBJECT_STORES

BLOCK = 1 << 20


def make_folder(filesystem: fs.FileSystem, path: str) -> None:
    """Make a folder and those above it, unless the filesystem has none: object stores know names alone."""
    if filesystem.type_name not in OBJECT_STORES:
        filesystem.create_dir(path, recursive=True)


def upload_file(path: Path, filesystem: fs.FileSystem, target: str) -> tuple[str, int]:
    """Upload one local file, on the disk when this returns; returns its (sha256, bytes)."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as source, filesystem.open_output_stream(target) as sink:
        while block := source.read(BLOCK):
            digest.update(block)
            size += len(block)
            sink.write(block)
    if isinstance(filesystem, fs.LocalFileSystem):
        with open(target, "rb") as written:
            os.fsync(written.fileno())  # a marker must never outlive its files
    return digest.hexdigest(), size
