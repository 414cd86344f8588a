"""The notebooks, executed as a reader would from the folder they are in; they share one storage, as there."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shutil
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
from tests.notebooks.recorded import MACHINE, MOST_BYTES, RECORDED, code_digest

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
PICTURES = {"tour": 5, "reading_a_sweep": 2, "alpha": 2, "own_task_and_learner": 2, "which_learner": 1}
OWN = FOLDER / "own_task_and_learner.ipynb"
RAY_LEFT = "import ray\nray.is_initialized()"


@pytest.fixture(scope="module")
def storage(quiet: Path, mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One storage for all notebooks, which has data and steps of two of their tasks, and an empty MLflow database."""
    made = copy_of(quiet, tmp_path_factory.mktemp("notebooks") / "storage", "data", "store")
    shutil.copy(mlflow_tables, made)
    return made


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
def test_it_opens_with_a_question_and_shows_what_its_code_gave(path: Path) -> None:
    """Outputs were recorded by `docs/hooks/notebooks.py`, of this very code, and nothing of a machine is kept."""
    notebook = nbformat.read(path, as_version=4)
    assert re.match(r"# .+\n\n\*.+\?", notebook.cells[0].source, re.DOTALL)
    assert notebook.metadata[RECORDED] == code_digest(notebook), "record it again: python docs/hooks/notebooks.py"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert pictures(outputs) == PICTURES[path.stem]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert not MACHINE.search(path.read_text())


def test_notebooks_are_small_and_show_the_files_that_they_show_as_they_are() -> None:
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES
    shown = words([output for cell in nbformat.read(OWN, as_version=4).cells for output in cell.get("outputs", [])])
    for name in ("own_task.py", "own_learner.py"):
        assert (FOLDER.parent / "docs" / name).read_text() in shown, "record it again: python docs/hooks/notebooks.py"


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
    assert pictures(outputs) == PICTURES["tour"]
    assert "33 distinct steps" in words(outputs)
    (summary,) = summaries(storage, "task-order")
    assert [trial["status"] for trial in summary["trials"]] == ["FINISHED"] * 6
    assert summary["tasks"].keys() == {"easy-vqa", "digits", "piqa-twin"}


@pytest.mark.slow
def test_a_sweep_is_read_from_mlflow_and_from_the_store(execute: Any, storage: Path) -> None:
    outputs = execute("reading_a_sweep")
    assert pictures(outputs) == PICTURES["reading_a_sweep"]
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
    assert pictures(outputs) == PICTURES["alpha"]
    assert "points lost without it" in words(outputs)
    (summary,) = summaries(storage, "task-order")
    best = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    assert all(task in words(outputs) for task in best["order"])


@pytest.mark.slow
def test_ones_own_task_and_learner_are_swept_over(execute: Any, storage: Path) -> None:
    outputs = execute("own_task_and_learner")
    assert pictures(outputs) == PICTURES["own_task_and_learner"]
    (summary,) = summaries(storage, "spring")
    assert len(summary["trials"]) == 8
    assert {trial["status"] for trial in summary["trials"]} == {"FINISHED"}
    assert {trial["settings"]["learner"] for trial in summary["trials"]} == {"atlas", "spring-adapter"}
    assert {tuple(trial["order"]) for trial in summary["trials"]} == {("photos", "digits"), ("digits", "photos")}


@pytest.mark.slow
def test_the_learners_that_were_tuned_are_compared(execute: Any) -> None:
    outputs = execute("which_learner")
    assert pictures(outputs) == PICTURES["which_learner"]
    told = words(outputs)
    assert all(name in told for name in ("atlas-normalised", "o-lora", "replay", "AOPD, points"))
