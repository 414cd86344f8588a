from __future__ import annotations

from pathlib import Path

import pytest

from atlas.config import shipped
from atlas.config.shipped import find_sweep, question_of, shipped_as, shipped_ledger, shipped_sweeps
from atlas.runtime.errors import UserError

SWEEPS = Path(__file__).parents[2] / "sweeps"


def test_a_checkout_has_those_beside_the_package() -> None:
    assert set(shipped_sweeps().values()) == set(SWEEPS.glob("*.py"))
    assert shipped_sweeps()["task-order"] == SWEEPS / "task_order.py"
    assert question_of(SWEEPS / "task_order.py").endswith("?")


def test_an_installed_package_has_those_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "atlas")
    file = tmp_path / "atlas" / "_sweeps" / "one_more.py"
    file.parent.mkdir(parents=True)
    file.write_text('"""Why?"""\n')
    assert shipped_sweeps() == {"one-more": file}
    assert shipped_as(Path("sweeps/one_more.py")) == file
    assert shipped_as(Path("sweeps/another.py")) is None
    assert shipped_as(Path("one_more.py")) is None
    (file.parent / "ledger.json").write_text("{}")
    assert shipped_ledger() == file.parent / "ledger.json"


def test_a_word_is_a_file_or_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_sweep("mine.py") == (Path("mine.py"), "")
    assert find_sweep("folder/mine") == (Path("folder/mine"), "")
    assert find_sweep("task_order") == (SWEEPS / "task_order.py", "task-order")
    with pytest.raises(UserError, match=r"Did you mean 'schedule'.*give the path of its Python file"):
        find_sweep("shedule")
