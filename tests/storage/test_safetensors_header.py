from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from pyarrow import fs
from safetensors.numpy import save_file

from atlas.storage.safetensors_header import tensor_shapes

LOCAL = fs.LocalFileSystem()


def test_the_shapes_are_those_of_the_tensors(tmp_path: Path) -> None:
    tensors = {"a": np.zeros((3, 4), np.float32), "b": np.zeros((), np.int64), "c": np.zeros((0, 2), np.float16)}
    save_file(tensors, tmp_path / "w.safetensors", metadata={"adapters": "[]"})
    found = tensor_shapes(LOCAL, str(tmp_path / "w.safetensors"))
    assert found == {name: value.shape for name, value in tensors.items()}


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 40, struct.pack("<Q", 4) + b"none"], ids=["empty", "short", "long", "no JSON"]
)
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"no safetensors file|Expecting value"):
        tensor_shapes(LOCAL, str(tmp_path / "w.safetensors"))
