from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.runtime.user_code import Brought, is_address, run_file

TEXT = "from fractions import Fraction\nclass Half: ...\nvalue = 2\nnumber = 3\n"


def is_int(value: Any, module: str) -> bool:
    return isinstance(value, int)


def run(address: str) -> Brought:
    return run_file(address, what="task", kind="Task", fits=is_int)


@pytest.mark.parametrize("name", ["mine.py:TASK", "a/b.py:x", "mine.py", "mine.py:"])
def test_an_address_is_told_from_a_name(name: str) -> None:
    assert is_address(name)


@pytest.mark.parametrize("name", ["digits", "easy-vqa", "a:b", "pypy"])
def test_a_name_is_no_address(name: str) -> None:
    assert not is_address(name)


def test_a_file_gives_what_its_address_names_and_what_else_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TEXT)
    found = run(f"{tmp_path / 'mine.py'}:number")
    assert found.value == 3
    assert found.contents["value"] == 2
    assert found.digest == hashlib.sha256(TEXT.encode()).hexdigest()


def test_a_relative_address_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    assert run("mine.py:value").address == f"{tmp_path / 'mine.py'}:value"


def test_its_classes_say_that_they_are_of_the_file_even_where_a_module_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(TEXT)
    found = run(f"{tmp_path / 'json.py'}:value")
    assert found.contents["Half"].__module__ == found.module == "json.py"


def test_a_name_that_does_not_fit_names_the_nearest_that_does(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TEXT)
    with pytest.raises(AtlasError, match="unknown task 'numbr'. Did you mean 'number'. Known: number, value"):
        run(f"{tmp_path / 'mine.py'}:numbr")
