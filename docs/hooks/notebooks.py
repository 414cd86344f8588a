"""Record the notebooks' outputs: execute them, one after another, in a copy of their folder with one fresh storage.

    python docs/hooks/notebooks.py                     # about 6 minutes on two cores
    python docs/hooks/notebooks.py which_learner       # one of them

Each is written back with its outputs and pictures, and a digest of its code in `metadata.recorded`, by which the tests
see that what is shown was made by what is written. Outputs that name a folder of this machine are refused.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.notebooks.recorded import MACHINE, MOST_BYTES, RECORDED, code_digest  # noqa: E402

FOLDER = ROOT / "notebooks"
# the first one's sweep is read by the next
ORDER = ("tour", "reading_a_sweep", "alpha", "own_task_and_learner", "which_learner")
SECONDS = 3600  # a cell
KERNEL = "recording"


def main() -> None:
    """Execute them, all or those that are named, and write them back."""
    chosen = sys.argv[1:] or ORDER
    if unknown := set(chosen) - set(ORDER):
        raise SystemExit(f"there is no notebook {', '.join(sorted(unknown))}; there are {', '.join(ORDER)}")
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        shutil.copytree(FOLDER, copy / "notebooks")
        for folder in ("docs", "benchmarks/rows"):
            shutil.copytree(ROOT / folder, copy / folder)
        environment(copy)
        recorded = {name: record(copy / "notebooks" / f"{name}.ipynb") for name in ORDER if name in chosen}
    texts = {name: nbformat.writes(notebook) + "\n" for name, notebook in recorded.items()}
    kept = [path.stat().st_size for path in FOLDER.glob("*.ipynb") if path.stem not in texts]
    if (size := sum(kept) + sum(map(len, texts.values()))) > MOST_BYTES:
        raise SystemExit(f"the notebooks would have {size:,} bytes, of {MOST_BYTES:,}")
    for name, text in texts.items():
        if found := MACHINE.search(text):
            raise SystemExit(f"{name} shows a folder of this machine: {text[found.start() - 80 : found.end() + 80]}")
        (FOLDER / f"{name}.ipynb").write_text(text)


def environment(place: Path) -> None:
    """That of a reader who has nothing set, with this Python as the kernel."""
    for name in [name for name in os.environ if name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))]:
        del os.environ[name]
    spec = place / "jupyter" / "kernels" / KERNEL / "kernel.json"
    spec.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": command, "display_name": KERNEL, "language": "python"}))
    os.environ |= {"JUPYTER_PATH": str(place / "jupyter"), "IPYTHONDIR": str(place / "ipython"), "HOME": str(place)}
    os.environ |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


def record(path: Path) -> NotebookNode:
    """The notebook as it is after its execution."""
    started, notebook = time.monotonic(), nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL,
        timeout=SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata[RECORDED] = code_digest(notebook)
    print(f"{path.stem}: {time.monotonic() - started:.0f} s", flush=True)
    return notebook


if __name__ == "__main__":
    main()
