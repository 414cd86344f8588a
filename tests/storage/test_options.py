from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import cache_folder
from atlas.storage.options import StorageOptions


def test_the_storage_is_the_option_the_environment_or_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ATLAS_STORAGE", raising=False)
    assert StorageOptions().local == tmp_path / "atlas"
    monkeypatch.setenv("ATLAS_STORAGE", str(tmp_path / "environment"))
    assert StorageOptions().local == tmp_path / "environment"
    assert StorageOptions(storage=str(tmp_path / "option")).local == tmp_path / "option"
    assert StorageOptions(storage="~/mine").local == tmp_path / "mine"


def test_a_user_without_a_home_is_told_to_name_the_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "ATLAS_STORAGE", "ATLAS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a user that the machine has no name for
    for asked in (lambda: StorageOptions().path, cache_folder):
        with pytest.raises(AtlasError, match="begins with a home that is not known; write it out, or set HOME"):
            asked()
    assert StorageOptions(storage=str(tmp_path)).local == tmp_path


def test_a_storage_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(AtlasError, match=r"AWS_ACCESS_KEY_ID") as refused:
        StorageOptions(storage="s3://key:hunter2@bucket/atlas")
    assert "hunter2" not in str(refused.value)
