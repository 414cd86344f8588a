"""The notebooks, executed as a reader would from the folder they are in; they share one storage, as there."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.e2e.storages import copy_of

FOLDER = Path(__file__).parents[2] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
KERNEL = "atlas-test"
SECONDS = 900  # a cell, on a busy machine
# what a sweep takes, not what it shows
FEWER = {
    "steps=20": "steps=4, batch_size=8, fleets=1",
    "evaluate=(64, 128)": "evaluate=(20, 30)",
    "evaluate=(32, 128)": "evaluate=(20, 30)",
    "records=64": "records=16",
    "records=32": "records=8",
    "limit=256": "limit=64",
}
RAY_LEFT = "import ray\nray.is_initialized()"
MACHINE = re.compile(r"/(home|root|Users|work|tmp|usr|opt|var)/")


@pytest.fixture(scope="module")
def storage(quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One storage for all notebooks, which has data and steps of two of their tasks."""
    return copy_of(quiet, tmp_path_factory.mktemp("notebooks") / "storage", "data", "store")


@pytest.fixture
def execute(storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[NotebookNode]]:
    """Execute a notebook by this very Python, with `FEWER` updates; gives its cells' outputs. No Ray is left in it."""
    spec = tmp_path / "jupyter" / "kernels" / KERNEL
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": KERNEL, "language": "python"}))
    for name in [name for name in os.environ if name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("ATLAS_NOTEBOOK_STORAGE", str(storage))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(name: str) -> list[NotebookNode]:
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            for long, short in FEWER.items():
                cell.source = cell.source.replace(long, short)
        notebook.cells.append(new_code_cell(RAY_LEFT))
        resources = {"metadata": {"path": str(FOLDER)}}
        NotebookClient(notebook, kernel_name=KERNEL, timeout=SECONDS, resources=resources).execute()
        *outputs, left = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert left["data"]["text/plain"] == "False"
        return outputs

    return run


def pictures(outputs: list[NotebookNode]) -> int:
    """The number of pictures among the outputs."""
    return sum("image/png" in output.get("data", {}) for output in outputs)


def words(outputs: list[NotebookNode]) -> str:
    """All that is printed or shown as text."""
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def summaries(storage: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in storage.glob(f"sweeps/{name}-*/summary.json")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_opens_with_a_question_and_is_kept_without_outputs(path: Path) -> None:
    """So that a change shows as what was changed, and nothing of a machine is kept."""
    cells = nbformat.read(path, as_version=4).cells
    assert re.match(r"# .+\n\n\*.+\?", cells[0].source, re.DOTALL)
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")
    assert not MACHINE.search(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_it_imports_of_the_package_is_there(path: Path) -> None:
    """Told in a second, before any cell is executed."""
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code" and not cell.source.startswith("%"))
    taken = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    own = [
        (str(node.module), alias.name) for node in taken if str(node.module).startswith("atlas") for alias in node.names
    ]
    assert own
    assert [(module, name) for module, name in own if not hasattr(importlib.import_module(module), name)] == []


def test_every_notebook_is_executed_here() -> None:
    tested = set(re.findall(r'execute\("(\w+)"\)', Path(__file__).read_text()))
    assert tested == {path.stem for path in FILES}


@pytest.mark.slow
def test_the_tour_sweeps_all_orders_and_draws_what_came_of_it(execute: Any, storage: Path) -> None:
    outputs = execute("tour")
    assert pictures(outputs) == 5
    assert "33 distinct steps" in words(outputs)
    (summary,) = summaries(storage, "task-order")
    assert [trial["status"] for trial in summary["trials"]] == ["FINISHED"] * 6
    assert summary["tasks"].keys() == {"easy-vqa", "digits", "piqa-twin"}


@pytest.mark.slow
def test_a_sweep_is_read_from_mlflow_and_from_the_store(execute: Any, storage: Path) -> None:
    outputs = execute("reading_a_sweep")
    assert pictures(outputs) == 2
    said = words(outputs)
    assert "adapter_config.json" in said
    assert "it takes two orders and two seeds" in said
    (summary,) = summaries(storage, "task-order")
    best = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    assert all(key[:12] in said for key in best["step_keys"])
    assert any(
        re.search(r"<th>latest</th>\s*<th>own</th>", one.get("data", {}).get("text/html", "")) for one in outputs
    )


@pytest.mark.slow
def test_the_weights_are_drawn_for_every_adapter_of_the_best_order(execute: Any, storage: Path) -> None:
    outputs = execute("alpha")
    assert pictures(outputs) == 2
    assert "points lost without it" in words(outputs)
    (summary,) = summaries(storage, "task-order")
    best = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    assert all(task in words(outputs) for task in best["order"])


@pytest.mark.slow
def test_ones_own_task_and_learner_are_swept_over(execute: Any, storage: Path) -> None:
    outputs = execute("own_task_and_learner")
    assert pictures(outputs) == 2
    (summary,) = summaries(storage, "spring")
    assert len(summary["trials"]) == 8
    assert {trial["status"] for trial in summary["trials"]} == {"FINISHED"}
    assert {trial["settings"]["learner"] for trial in summary["trials"]} == {"atlas", "spring-adapter"}
    assert {tuple(trial["order"]) for trial in summary["trials"]} == {("photos", "digits"), ("digits", "photos")}
