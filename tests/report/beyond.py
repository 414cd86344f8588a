"""An invented sweep with scores of tasks that it has not learnt: unseen ones from few records, and those to come."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from atlas.report.summary import BARE, SPLITS

Document = dict[str, Any]

UNSEEN = {"chance": 25.0, "score": "accuracy", "modality": "vision-language", "fingerprint": "f" * 64, "counts": {}}
FIRST, SECOND = ["digits", "easy-vqa"], ["easy-vqa", "digits"]


def probed(trial: str, order: list[str], way: str, shots: str, test: float) -> dict[str, Any]:
    """One row of the summary; `val` prefers what `test` does not."""
    return {
        "trial": trial,
        "order": order,
        "seed": 1,
        "task": "pairs",
        "way": way,
        "shots": shots,
        "val": 90 - test,
        "test": test,
    }


def with_downstream(summary: dict[str, Any]) -> dict[str, Any]:
    """The sweep with one unseen task at two numbers of shots after two orders."""
    rows = [
        probed(BARE, [], way, shots, test)
        for shots, tests in (("16 records", (30.0, 35.0, 25.5)), ("64 records", (40.0, 45.0, 41.0)))
        for way, test in zip(("experience", "both", "head"), tests, strict=True)
    ]
    for trial, order, more in (("t00", FIRST, 0.0), ("t01", SECOND, 6.0)):
        for shots, test in (("16 records", 40.0), ("64 records", 50.0)):
            rows.append(probed(trial, order, "experience", shots, test - 5 + more))
            rows.append(probed(trial, order, "both", shots, test + more))
    return {**summary, "downstream": rows, "downstream_tasks": {"pairs": UNSEEN}}


def scored_beyond(summary: Document) -> Document:
    """The first trial alone, with scores of tasks to come (33) and of route free (44), and the rows before any task."""
    (trial,) = deepcopy(summary["trials"][:1])
    size = len(trial["order"])
    for routes in trial["R"].values():
        for i, row in enumerate(routes["latest"]):
            row[i + 1 :] = [33.0] * (size - i - 1)
        routes["free"] = [[44.0] * size for _ in range(size)]
    trial["free_before"] = {split: [40.0] * size for split in SPLITS}
    scores = {str(trial["seed"]): {task: {"val": 30.0, "test": 30.0} for task in trial["order"]}}
    return {
        **summary,
        "trials": [trial],
        "orders": [],
        "best": None,
        "references": {**summary["references"], "zero_shot": scores},
    }
