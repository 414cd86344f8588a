"""Stores of the storage tests, and a folder to commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from atlas.storage.store import Store


@pytest.fixture(params=["local", "object"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A local store, and one that behaves as a remote filesystem (nothing of it has a local path)."""
    local = Store.open(str(tmp_path / "store"))
    if request.param == "local":
        return local
    remote = fs.SubTreeFileSystem(str(tmp_path / "store"), fs.LocalFileSystem())
    return Store(filesystem=remote, root="bucket", uri="s3://bucket")


@pytest.fixture
def remote(tmp_path: Path) -> Store:
    """A store that hands out copies."""
    return Store(
        filesystem=fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), root="store", uri="s3://bucket/store"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "adapter").mkdir(parents=True)
    (made / "adapter" / "adapter_model.safetensors").write_bytes(b"w" * 5000)
    (made / "facts.json").write_text("{}")
    return made
