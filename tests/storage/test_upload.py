from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pyarrow import fs

from atlas.storage.upload import BLOCK, upload_file


@pytest.mark.parametrize("size", [0, 5, BLOCK, BLOCK + 1])
def test_a_file_arrives_whole_with_its_digest_and_size(tmp_path: Path, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "made").write_bytes(content[:size])
    found = upload_file(tmp_path / "made", fs.LocalFileSystem(), str(tmp_path / "sent"))
    assert found == (hashlib.sha256(content[:size]).hexdigest(), size)
    assert (tmp_path / "sent").read_bytes() == content[:size]
