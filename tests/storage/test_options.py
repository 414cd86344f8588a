from __future__ import annotations

from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.storage.options import StorageOptions


def test_the_storage_is_the_option_the_environment_or_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ATLAS_STORAGE", raising=False)
    assert StorageOptions().local == tmp_path / "atlas"
    monkeypatch.setenv("ATLAS_STORAGE", str(tmp_path / "environment"))
    assert StorageOptions().local == tmp_path / "environment"
    assert StorageOptions(storage=str(tmp_path / "option")).local == tmp_path / "option"
    assert StorageOptions(storage="~/mine").local == tmp_path / "mine"


def test_a_storage_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(AtlasError, match=r"AWS_ACCESS_KEY_ID") as refused:
        StorageOptions(storage="s3://key:hunter2@bucket/atlas")
    assert "hunter2" not in str(refused.value)
