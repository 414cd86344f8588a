from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.sweep.file import imports_beside, load_sweep, run_sweep_file

SWEEPS = sorted((Path(__file__).parents[2] / "sweeps").glob("*.py"))
OWN = """
from atlas.sweep import {imported}
from beside import NAME
{call}
raise RuntimeError("it went on")
"""


def own(folder: Path, call: str, imported: str = "Options, Sweep, main, run") -> Path:
    (folder / "beside.py").write_text("NAME = 'mine'\n")
    path = folder / "mine.py"
    path.write_text(OWN.format(imported=imported, call=call))
    return path


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_is_read_from_its_file(path: Path) -> None:
    assert load_sweep(path).name == path.stem.replace("_", "-")


@pytest.mark.parametrize(
    "call",
    ["main(Sweep(name=NAME, question='?'), ['--tasks', 'digts'])", "run(Sweep(name=NAME, question='?'), Options())"],
)
def test_a_sweep_without_a_name_in_its_file_is_read_too_and_nothing_runs(
    tmp_path: Path, storage: Path, call: str
) -> None:
    arguments, searched = list(sys.argv), list(sys.path)
    assert load_sweep(own(tmp_path, call)).name == "mine"
    assert (sys.argv, sys.path) == (arguments, searched)
    assert not storage.exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("raise SystemExit(3)", "defines no sweep"),
        ("1 / 0", "cannot be run: ZeroDivisionError"),
        ("main(Sweep(name=NAME))", "cannot be run: TypeError"),
        ("(", "not a readable Python file"),
    ],
)
def test_a_file_that_defines_no_sweep_is_refused(tmp_path: Path, call: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        load_sweep(own(tmp_path, call))


def test_whatever_else_was_recorded_as_a_file_is_not_started(tmp_path: Path) -> None:
    path = tmp_path / "launcher.py"
    path.write_text(f"open({str(tmp_path / 'started')!r}, 'w')\n")
    with pytest.raises(AtlasError, match=r"imports nothing of atlas\.sweep"):
        load_sweep(path)
    assert not (tmp_path / "started").exists()
    with pytest.raises(AtlasError, match="not a readable Python file"):
        load_sweep(tmp_path / "none.py")


def test_modules_beside_the_file_can_be_imported_within(tmp_path: Path) -> None:
    with imports_beside(tmp_path / "mine.py"):
        assert sys.path[0] == str(tmp_path)
    assert sys.path[0] != str(tmp_path)


def test_a_file_is_run_as_a_script_with_its_own_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, arguments = tmp_path / "mine.py", list(sys.argv)
    path.write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    with pytest.raises(AtlasError, match=r"mine\.py runs no sweep; end it with: main\(SWEEP\)"):
        run_sweep_file(path, ["--smoke"])
    assert capsys.readouterr().out == "__main__ ['--smoke']\n"
    assert sys.argv == arguments


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('Sweep(name="mine", qestion="?")', "TypeError: .*unexpected keyword argument 'qestion'.*mine.py, line 4"),
        ("1 / 0", "ZeroDivisionError: division by zero .*mine.py, line 4"),
        ("def (", "SyntaxError"),
    ],
)
def test_a_file_that_fails_before_its_sweep_begins_is_told_in_a_line(tmp_path: Path, call: str, message: str) -> None:
    with pytest.raises(AtlasError, match=rf"mine\.py cannot be run: {message}") as refused:
        run_sweep_file(own(tmp_path, call), [])
    assert "\n" not in str(refused.value)


def test_a_file_whose_sweep_is_refused_ends_as_main_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_sweep_file(own(tmp_path, 'main(Sweep(name="", question="?"), [])'), [])
    assert ended.value.code == 2
    assert "the sweep's name is ''" in capsys.readouterr().err
