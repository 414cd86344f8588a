"""The figures of a sweep as they are published: each with its definition, split, route, seeds and order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from atlas import metrics
from atlas.report import order_statistics, task_rows, trial_metrics
from atlas.runtime.text import first_line

SPLIT = "test"
OF_WALK: dict[str, Callable[..., Any]] = {
    "average_accuracy": metrics.average_accuracy,
    "forgetting": metrics.forgetting,
    "backward_transfer": metrics.backward_transfer,
}
OF_ORDERS: dict[str, Callable[..., Any]] = {"aopd": metrics.aopd, "mopd": metrics.mopd}
REFERENCES = {
    "lone": "The score on the task learnt alone with an adapter, the mean over the seeds.",
    "head_only": "The score on the task of a head alone on the bare backbone, the mean over the seeds.",
    "untrained": "The score on the task of a head that has learnt nothing, the mean over the seeds.",
}
OVER_ORDERS = {
    "low": "The score on the task after the last task of an order: of the orders, the lowest.",
    "mean": "The score on the task after the last task of an order: the mean over the orders.",
    "high": "The score on the task after the last task of an order: of the orders, the highest.",
}


def definition_of(function: Callable[..., Any]) -> str:
    """The first line of a metric's documentation: its formula and source."""
    return first_line(inspect.getdoc(function) or "")


def figures_of(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All published figures, in percent and points, of the split `test`; computed from R, not from what is written."""
    return [*_of_walks(summary), *_of_tasks(summary), *_of_orders(summary), *_of_probes(summary)]


def _of_walks(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in summary["trials"]:
        found = trial_metrics(summary, row, SPLIT)
        of: dict[str, Any] = {"order": row["order"], "seeds": [row["seed"]]} | (
            {"settings": row["settings"]} if row["settings"] else {}
        )
        for name, function in OF_WALK.items():
            for route in ("latest", "own") if name == "average_accuracy" else ("latest",):
                yield _figure(name, definition_of(function), found[f"{route}/{name}"], route=route, **of)


def _of_tasks(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in task_rows(summary):
        of = {"task": row.name, "seeds": summary["seeds"]}
        yield _figure("chance", "The score of guessing.", row.chance, task=row.name)
        for name, said in REFERENCES.items():
            yield _figure(name, said, getattr(row, name), route="own", **of)
        for name, said in OVER_ORDERS.items():
            yield _figure(name, said, getattr(row, name), route="latest", **of)


def _of_orders(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for found in order_statistics(summary):
        if found["split"] != SPLIT:
            continue
        of = {"orders": found["count"], "seeds": summary["seeds"]}
        of |= {"settings": found["settings"]} if found["settings"] else {}
        for name, function in OF_ORDERS.items():
            yield _figure(name, definition_of(function), found[name], route=found["route"], **of)


def _of_probes(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    said = "The score on a task learnt from few samples after the order (of none: on the bare backbone)."
    for probe in summary.get("downstream", ()):
        of = {name: probe[name] for name in ("task", "way", "shots", "order")}
        yield _figure("downstream", said, probe[SPLIT], route="own", seeds=[probe["seed"]], **of)


def _figure(name: str, definition: str, value: float | None, **of: Any) -> dict[str, Any]:
    return {"figure": name, "value": value, "split": SPLIT, **of, "definition": definition}
