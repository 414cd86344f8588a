"""Published files of arrays: Python's pickles (CIFAR), IDX (MNIST), MATLAB's (Flowers, Cars). No code in them runs."""

from __future__ import annotations

import gzip
import io
import math
import pickle
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted, first_line
from atlas.tasks.reading.files import check_content

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALLOWED = {  # what a pickle of plain values and arrays calls
    *((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
    *(("numpy", name) for name in ("ndarray", "dtype")),
    ("_codecs", "encode"),
}
IDX_BYTES = 0x08  # the type code of unsigned bytes


class _PlainUnpickler(pickle.Unpickler):
    """Refuses whatever is no plain value and no array: a pickle can call any function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which no file of data needs")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary of a pickle, of Python 2 too. Raises UserError for a file that is none, or holds anything else."""
    check_content(path)
    try:
        values = _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise UserError(f"{path} cannot be read as a pickle: {first_line(error)}. Download it again.") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} holds a {type(values).__name__}, no dictionary; download it again.")
    return {str(key): value for key, value in values.items()}


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes, gzipped or not. Raises UserError for a file that is none, or is cut short.

    Two zero bytes, a type, the number of dimensions, each of them in four bytes, big-endian, then the values.
    """
    check_content(path)
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        zero, kind, dimensions = struct.unpack(">HBB", content[:4])
        shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise UserError(f"{path} cannot be read as IDX: {first_line(error)}. Download it again.") from error
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions)
    if (zero, kind) != (0, IDX_BYTES) or not shape or len(values) != math.prod(shape):
        raise UserError(
            f"{path} cannot be read as IDX: it holds {counted(len(values), 'byte')} for {shape}. Download it again."
        )
    return values.reshape(shape)


def read_matlab(path: Path) -> Mapping[str, Any]:
    """The variables of a MATLAB file, its single values and single fields unpacked.

    Raises UserError for a file that is none.
    """
    from scipy.io import loadmat

    check_content(path)
    try:
        found: Mapping[str, Any] = loadmat(path, squeeze_me=True)
    except Exception as error:  # a damaged file may raise anything
        raise UserError(f"{path} cannot be read as a MATLAB file: {first_line(error)}. Download it again.") from error
    return found


def column(path: Path, values: Mapping[str, Any], name: str) -> list[Any]:
    """A variable of a file as a list of values or of rows. Raises UserError where it is missing."""
    if name not in values:
        known = ", ".join(key for key in values if not key.startswith("__"))
        raise UserError(f"{path} has no {name!r}, only {known or 'nothing'}; download it again.")
    return list(np.atleast_1d(np.asarray(values[name])))
