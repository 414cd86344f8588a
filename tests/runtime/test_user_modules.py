from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas.runtime import user_modules
from atlas.runtime.digest import file_sha256
from atlas.runtime.errors import UserError
from atlas.runtime.user_code import Brought, run_file
from atlas.runtime.user_modules import digest_with_modules, modules_beside, pickle_modules_by_value

MAIN = "from mine_words import number\nvalue = number\ndef later():\n    import mine_late\n    return mine_late.late\n"
ELSEWHERE = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read())())"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Remove the modules and folders that a test brings."""
    known, path = set(sys.modules), list(sys.path)
    yield
    user_modules._beside.clear()
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if name.startswith("mine_"):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file that imports a module beside it, which imports a package, and another when it is called."""
    made = tmp_path / "a folder, mine"
    (made / "mine_package").mkdir(parents=True)
    (made / "main.py").write_text(MAIN)
    (made / "mine_words.py").write_text("from mine_package.deep import number\ndef twice():\n    return 2 * number\n")
    (made / "mine_package" / "__init__.py").write_text("")
    (made / "mine_package" / "deep.py").write_text("number = 7\n")
    (made / "mine_late.py").write_text("late = 'late'\n")
    (made / "unused.py").write_text("raise SystemExit(3)\n")
    return made


def run(file: Path) -> Brought:
    return run_file(f"{file}:value", what="task", kind="Task", fits=lambda value, _: isinstance(value, int))


def test_modules_beside_a_file_are_found_when_it_runs_and_when_its_functions_are_called(folder: Path) -> None:
    found = run(folder / "main.py")
    assert found.value == 7
    assert found.contents["later"]() == "late"


def test_they_are_found_by_a_relative_path_and_through_a_link(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert run(Path("a folder, mine/main.py")).value == 7
    (folder.parent / "link.py").symlink_to(folder / "main.py")
    assert run(Path("link.py")).contents["later"]() == "late"


def test_the_modules_that_a_file_imports_at_any_depth_are_its_parts(folder: Path) -> None:
    assert list(modules_beside(folder / "main.py")) == ["mine_late", "mine_package", "mine_words"]


def test_the_digest_changes_with_every_part_and_with_nothing_else(folder: Path) -> None:
    first = digest_with_modules(folder / "main.py")
    (folder / "unused.py").write_text("other")
    assert digest_with_modules(folder / "main.py") == first
    (folder / "mine_package" / "deep.py").write_text("number = 8\n")
    assert digest_with_modules(folder / "main.py") != first


def test_a_file_of_its_own_has_the_digest_of_its_text(folder: Path) -> None:
    assert digest_with_modules(folder / "mine_late.py") == file_sha256(folder / "mine_late.py")


def test_the_standard_library_is_not_shadowed(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    (tmp_path / "main.py").write_text("import json\nvalue = 1\n")
    assert modules_beside(tmp_path / "main.py") == {}


def test_two_modules_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    run(folder / "main.py")
    (tmp_path / "mine_words.py").write_text("number = 1\n")
    (tmp_path / "other.py").write_text("import mine_words\nvalue = mine_words.number\n")
    with pytest.raises(UserError, match=r"other.py imports .*/mine_words.py, but .* as 'mine_words'; rename one"):
        run(tmp_path / "other.py")


def test_their_functions_travel_to_processes_that_cannot_import_them(folder: Path, tmp_path: Path) -> None:
    from ray import cloudpickle

    run(folder / "main.py")
    words = importlib.import_module("mine_words")
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(_without(cloudpickle.dumps(words.twice)))
    pickle_modules_by_value()
    packed = cloudpickle.dumps(words.twice)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], input=packed, capture_output=True, cwd=tmp_path, check=True
    )
    assert done.stdout.split() == [b"14"]


def _without(packed: bytes) -> bytes:
    """The bytes, once nothing of the user's can be imported any more."""
    for name in [name for name in sys.modules if name.startswith("mine_") and name != "mine_words"]:
        del sys.modules[name]
    words = sys.modules.pop("mine_words")
    path, sys.path[:] = list(sys.path), [one for one in sys.path if "a folder, mine" not in one]
    try:
        pickle.loads(packed)
    finally:
        sys.path[:] = path
        sys.modules["mine_words"] = words
    return packed


def test_a_failure_in_a_module_beside_names_its_line(folder: Path) -> None:
    (folder / "mine_package" / "deep.py").write_text("\n\nnumber = 1 / 0\n")
    with pytest.raises(UserError, match=r"cannot be run: ZeroDivisionError: division by zero \(.*deep.py, line 3\)"):
        run(folder / "main.py")
