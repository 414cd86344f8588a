"""The commands about sweeps: run, list, copy, show; the version, and what a shell completes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from atlas.cli import main
from atlas.config.shipped import shipped_sweeps
from tests.test_cli import refused, write_sweep


def test_a_sweeps_file_is_run_with_its_own_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import sys\nif __name__ == '__main__':\n    print(sys.argv)\n")
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(file), "--tasks", "digits", "--smoke"])
    said = capsys.readouterr()
    assert said.out.strip() == str([str(file), "--tasks", "digits", "--smoke"])
    assert ended.value.code == 2
    assert "runs no sweep" in said.err


def test_the_shipped_sweeps_are_listed_with_their_questions(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sweep"])
    said = capsys.readouterr().out
    for name in shipped_sweeps():
        assert f"│ {name} " in said
    assert "In which order should these tasks be learnt, so that most is known after the last?" in said
    assert "atlas sweep --copy NAME FILE.py" in said


@pytest.mark.parametrize("name", ["task-order", "task_order"])
def test_a_shipped_sweep_is_run_by_its_name_from_anywhere(
    name: str, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["sweep", name, "--tasks", "piqa-twin", "--dry-run"])
    assert ended.value.code == 0
    assert "Plan of the sweep task-order" in capsys.readouterr().out


def test_the_help_of_a_shipped_sweep_calls_it_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "task-order", "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert said.startswith("usage: atlas sweep task-order ")
    assert "atlas sweep task-order --orders all" in said
    assert "sweeps/task_order.py" not in said


def test_a_shipped_sweep_is_copied_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "my_adapter.py"
    main(["sweep", "--copy", "adapter", str(target)])
    assert f"atlas sweep {target}" in capsys.readouterr().out
    assert f"python {target} --trials 40" in target.read_text()
    assert "sweeps/adapter.py" not in target.read_text()
    target.write_text("# changed\n")
    assert f"{target} exists already and is left as it is" in refused(capsys, "sweep", "--copy", "adapter", str(target))
    assert target.read_text() == "# changed\n"
    assert "Did you mean 'adapter'" in refused(capsys, "sweep", "--copy", "adaptor", str(tmp_path / "other.py"))
    assert "give a Python file such as my_adapter.py" in refused(
        capsys, "sweep", "--copy", "adapter", str(tmp_path / "a")
    )
    assert "cannot be written: No such file" in refused(
        capsys, "sweep", "--copy", "adapter", str(tmp_path / "none" / "a.py")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["my_adapter.py"]


def test_the_sweeps_of_a_storage_are_listed_and_shown(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sweeps"])
    assert capsys.readouterr().out == f"no sweeps in {storage}; `atlas sweep` lists those to run\n"
    assert not storage.exists()
    path = write_sweep(storage)
    main(["sweeps"])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "order-20260101-000000-abcd" in line)
    assert "2026-01-01 00:00:00" in line
    assert "finished" in line
    for given in ("order", "order-20260101-000000-abcd", str(path)):
        main(["show", given])
        said = capsys.readouterr().out
        assert said.startswith("How much does the order of the tasks change what ATLAS knows in the end?")
        assert "Leaderboard" in said
        assert str(path.parent / "report.html") in said


def test_the_version_is_printed_and_the_package_is_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "atlas", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"atlas {version('atlas-continual')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_sweeps_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", shell])
    script = capsys.readouterr().out
    for word in ("prepare", "sweeps", "task-order", "--learning-rate", "--no-sharing"):
        assert word in script


def test_bash_takes_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = tmp_path / "atlas.bash"
    script.write_text(capsys.readouterr().out)
    asked = """
source "$0"
complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_atlas; echo "${COMPREPLY[*]}"; }
complete_of atlas swe
complete_of atlas sweep task
complete_of atlas sweep task-order --see
"""
    done = subprocess.run(["bash", "-c", asked, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["sweep sweeps", "task-order", "--seeds --seeds-as-needed"]
