"""The header of a safetensors file on any filesystem, read without the tensors behind it."""

from __future__ import annotations

import json
import struct

from pyarrow import fs

LENGTH_BYTES = 8
MOST_HEADER = 100_000_000  # the format's own bound


def tensor_shapes(filesystem: fs.FileSystem, path: str) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor in the file. Raises OSError, or ValueError where it is no safetensors file."""
    with filesystem.open_input_file(path) as file:
        start = file.read(LENGTH_BYTES)
        if len(start) < LENGTH_BYTES or (length := struct.unpack("<Q", start)[0]) > MOST_HEADER:
            raise ValueError(f"{path} is no safetensors file: it has no header.")
        header = json.loads(file.read(length))
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
