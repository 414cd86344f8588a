"""The wheel and the sdist, built as pip builds them; the wheel alone, installed in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas.config.shipped import question_of, shipped_sweeps
from atlas.sweep.provenance import code_digest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("atlas", "sweeps", "pyproject.toml", "setup.py", "README.md", "LICENSE")
BUILD = "import sys\nfrom setuptools import build_meta\nbuild_meta.build_{kind}(sys.argv[1])"

Atlas = Callable[..., subprocess.CompletedProcess[str]]


def build(kind: str, project: Path, into: Path) -> Path:
    """A distribution of the project, built in its folder; no network is asked for setuptools, which is here."""
    before = set(into.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind=kind), str(into)], cwd=project, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (made,) = set(into.iterdir()) - before
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project)
    (project / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "ledger.json", project / "docs")
    return build("sdist", project, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked sdist, which therefore lacks nothing."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (project,) = folder.iterdir()
    return build("wheel", project, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def atlas(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Runs a program of an environment that has this wheel, and of the packages here what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RAY_", "MLFLOW_"))}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, env=shell)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")  # whose own .pth files are not read
    empty = tmp_path_factory.mktemp("empty")
    shell["ATLAS_STORAGE"] = str(empty / "storage")

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(folder / "bin" / program), *arguments], cwd=empty, env=shell, capture_output=True, text=True
        )

    return run


def test_the_sdist_has_the_sweeps_where_they_are(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"docs/ledger.json", *(f"sweeps/{path.name}" for path in (ROOT / "sweeps").glob("*.py"))} <= names
    assert not any(name.startswith("atlas/_sweeps") for name in names)


def test_the_wheel_has_the_sweeps_as_they_are_and_every_file_that_is_no_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        shipped = {name: archive.read(name) for name in names if name.startswith("atlas/_sweeps/")}
    files = [*(ROOT / "sweeps").glob("*.py"), ROOT / "docs" / "ledger.json"]
    assert shipped == {f"atlas/_sweeps/{path.name}": path.read_bytes() for path in files}
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "atlas").rglob("*") if path.is_file()}
    assert {name for name in there if "__pycache__" not in name} <= names
    assert {name.partition("/")[0] for name in names} == {"atlas", "atlas_continual-0.1.0.dist-info"}


def test_the_installed_package_is_the_code_of_the_repository(atlas: Atlas) -> None:
    code = "import atlas.sweep.provenance as p; print(p.__file__); print(p.code_digest())"
    place, digest = atlas("python", "-c", code).stdout.splitlines()
    assert not Path(place).is_relative_to(ROOT)
    assert digest == code_digest()


def test_the_sweeps_are_listed_and_one_is_planned_from_anywhere(atlas: Atlas) -> None:
    listed = atlas("atlas", "sweep")
    assert listed.returncode == 0, listed.stderr
    for name, file in shipped_sweeps().items():
        assert f"│ {name} " in listed.stdout
        assert question_of(file) in listed.stdout
    planned = atlas("atlas", "sweep", "task-order", "--tasks", "piqa-twin", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "Plan of the sweep task-order" in planned.stdout


def test_a_copy_is_ones_own_sweep(atlas: Atlas) -> None:
    assert atlas("python", "-m", "atlas", "sweep", "--copy", "adapter", "my_sweep.py").returncode == 0
    planned = atlas("python", "my_sweep.py", "--tasks", "piqa-twin", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "Plan of the sweep adapter" in planned.stdout


def test_the_published_figures_are_listed_and_their_sweep_is_found(atlas: Atlas) -> None:
    listed = atlas("atlas", "ledger", "list")
    assert listed.returncode == 0, listed.stderr
    assert "task-order-smoke" in listed.stdout
    checked = atlas("atlas", "ledger", "check", "task-order-smoke", "--dry-run")
    assert "there is no sweep file" not in checked.stderr
    assert "task_order.py" in checked.stdout, checked.stderr
