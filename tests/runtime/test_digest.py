"""Digests are those of `sha256sum`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from atlas.runtime.digest import file_sha256, text_sha256


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content := bytes(range(256)) * 5000)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "missing")


def test_a_text_has_the_digest_of_its_utf_8_bytes() -> None:
    assert text_sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert text_sha256("é") == hashlib.sha256(b"\xc3\xa9").hexdigest()
