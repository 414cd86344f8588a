"""Storages that sweeps leave: what is in one, copies of its parts, and that it is all there, once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from atlas.tracking import default_tracking_uri
from atlas.tracking.mlflow.address import connect


def summaries(storage: Path) -> list[dict[str, Any]]:
    """The summaries under a storage, the oldest first."""
    paths = sorted(storage.glob("sweeps/*/summary.json"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text()) for path in paths]


def matrices(summary: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """Every R of a summary, by order."""
    return {tuple(trial["order"]): trial["R"] for trial in summary["trials"]}


def committed(storage: Path) -> dict[str, dict[str, Any]]:
    """Key → marker of every step in a storage's store."""
    return {path.parent.name: json.loads(path.read_text()) for path in storage.glob("store/steps/*/*/commit.json")}


def copy_of(storage: Path, into: Path, *parts: str) -> Path:
    """A storage with those parts of another."""
    for part in parts:
        shutil.copytree(storage / part, into / part)
    return into


def logged(tracking_uri: str) -> dict[str, Any]:
    """Every run by its key; fails where two have one key, or one is open still."""
    client = connect(tracking_uri)
    (experiment,) = client.search_experiments(filter_string="name = 'atlas'")
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    by_key = {run.data.tags["atlas.key"]: run for run in found}
    assert len(by_key) == len(found)
    open_still = sorted(key for key, run in by_key.items() if run.info.status == "RUNNING")
    assert open_still == [], f"open still: {open_still}"
    return by_key


def steps_of(summary: dict[str, Any]) -> set[str]:
    """The keys of all steps that a sweep used."""
    return {key for trial in summary["trials"] for key in trial["step_keys"]} | set(summary["reference_keys"])


def expect_undisturbed(storage: Path, quiet: Path) -> None:
    """The one sweep in `storage` ended with all scores of the quiet one, and MLflow has all of it, once."""
    (summary,) = summaries(storage)
    assert matrices(summary) == matrices(summaries(quiet)[0])
    assert summary["references"] == summaries(quiet)[0]["references"]
    assert committed(storage).keys() == steps_of(summaries(quiet)[0])
    expect_tracked(storage)


def expect_tracked(storage: Path) -> None:
    """The one sweep in `storage` ended well, and MLflow has all of it, once."""
    (summary,) = summaries(storage)
    assert summary["sweep"]["status"] == "FINISHED"
    runs = logged(default_tracking_uri(storage))
    assert set(committed(storage)) <= set(runs)
    kinds = Counter(run.data.tags["atlas.kind"] for run in runs.values() if run.info.status == "FINISHED")
    assert kinds == {"sweep": 1, "trial": len(summary["trials"]), "step": len(committed(storage))}
