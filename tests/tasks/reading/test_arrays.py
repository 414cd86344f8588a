from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.arrays import column, read_idx, read_matlab, read_pickle


def idx(values: np.ndarray, *, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, kind, values.ndim, *values.shape) + values.tobytes()


def test_a_pickle_of_plain_values_and_arrays_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train"
    path.write_bytes(pickle.dumps({"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "names": ["a"]}, protocol=2))
    found = read_pickle(path)
    assert found["names"] == ["a"]
    assert found["data"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_pickle_that_would_call_a_function_is_refused_and_calls_none(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = tmp_path / "train"
    path.write_bytes(pickle.dumps({"data": Trap()}))
    with pytest.raises(AtlasError, match="cannot be read as a pickle: it calls posix.mkdir"):
        read_pickle(path)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("content", [b"no pickle", pickle.dumps([1]), pickle.dumps({"a": 1})[:-4]])
def test_what_is_no_pickle_of_a_dictionary_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "meta").write_bytes(content)
    with pytest.raises(AtlasError, match="meta (cannot be read as a pickle|holds a list).*ownload it again"):
        read_pickle(tmp_path / "meta")


def test_an_idx_file_is_read_gzipped_or_not(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "plain").write_bytes(idx(values))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx(values)))
    for name in ("plain", "packed.gz"):
        assert read_idx(tmp_path / name).tolist() == values.tolist()


@pytest.mark.parametrize("content", [idx(np.zeros(8, np.uint8))[:-1], idx(np.zeros(8, np.uint8), kind=13), b"\0", b""])
def test_an_idx_file_that_is_cut_short_or_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(AtlasError, match="labels (cannot be read as IDX|is empty)"):
        read_idx(tmp_path / "labels")


def test_variables_and_rows_of_a_matlab_file_are_read(tmp_path: Path) -> None:
    from scipy.io import savemat

    path = tmp_path / "a.mat"
    rows = np.array([[(3, "a.jpg"), (1, "b.jpg")]], dtype=[("class", "O"), ("fname", "O")])
    savemat(path, {"labels": np.array([[2, 1]]), "one": np.array([[7]]), "rows": rows})
    values = read_matlab(path)
    assert [int(one) for one in column(path, values, "labels")] == [2, 1]
    assert [int(one) for one in column(path, values, "one")] == [7]
    assert [(int(row["class"]), str(row["fname"])) for row in column(path, values, "rows")] == [
        (3, "a.jpg"),
        (1, "b.jpg"),
    ]
    with pytest.raises(AtlasError, match=r"a.mat has no 'trnid', only .*labels"):
        column(path, values, "trnid")


def test_what_is_no_matlab_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_text("text")
    with pytest.raises(AtlasError, match="cannot be read as a MATLAB file"):
        read_matlab(tmp_path / "a.mat")
