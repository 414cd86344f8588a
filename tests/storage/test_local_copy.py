from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from atlas.storage import local_copy
from atlas.storage.local_copy import TRIM_SECONDS, is_kept, trim, trim_sometimes


def copy(cache: Path, name: str, *, ago: float, size: int = 1000) -> Path:
    """A copy of so many bytes, used that long ago in seconds."""
    made = cache / name / "attempt"
    made.mkdir(parents=True)
    (made / "weights").write_bytes(bytes(size))
    os.utime(made, (time.time() - ago,) * 2)
    return made


@pytest.mark.parametrize(("most", "left"), [(3000, "abc"), (2999, "bc"), (1000, "c"), (0, "c")])
def test_the_least_recently_used_copies_make_room_and_none_in_use(tmp_path: Path, most: int, left: str) -> None:
    copies = {name: copy(tmp_path, name, ago=ago) for name, ago in (("a", 900.0), ("b", 800.0), ("c", 10.0))}
    trim(tmp_path, most=most, in_use=60.0)
    assert "".join(name for name, made in copies.items() if made.exists()) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == list(left)


def test_a_copy_that_is_asked_for_counts_as_used(tmp_path: Path) -> None:
    old, other = copy(tmp_path, "a", ago=900.0), copy(tmp_path, "b", ago=800.0)
    assert is_kept(old)
    trim(tmp_path, most=1000, in_use=60.0)
    assert old.exists()
    assert not other.exists()
    assert not is_kept(other)


def test_what_a_killed_process_left_half_copied_is_removed_as_well(tmp_path: Path) -> None:
    draft = copy(tmp_path, "key/.draft", ago=7200.0).parent
    os.utime(draft, (time.time() - 7200.0,) * 2)
    trim(tmp_path, most=0)
    assert not draft.exists()


def test_a_cache_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    trim(tmp_path / "nothing", most=0)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_is_used_while_the_others_are_measured_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, other = copy(tmp_path, "a", ago=900.0), copy(tmp_path, "b", ago=800.0)
    size = local_copy._size

    def meanwhile(measured: Path) -> int:
        assert is_kept(old)
        return size(measured)

    monkeypatch.setattr(local_copy, "_size", meanwhile)
    trim(tmp_path, most=1000, in_use=60.0)
    assert old.exists()
    assert not other.exists()


def test_a_cache_is_trimmed_again_once_a_minute_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[Path] = []
    monkeypatch.setattr(local_copy, "trim", trimmed.append)
    for now in (0.0, TRIM_SECONDS - 1, TRIM_SECONDS, TRIM_SECONDS + 1):
        trim_sometimes(tmp_path, now=now)
    trim_sometimes(tmp_path / "other", now=TRIM_SECONDS + 2)
    assert trimmed == [tmp_path, tmp_path, tmp_path / "other"]
