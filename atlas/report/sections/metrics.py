"""The table of all metrics: of the chosen trial, and their range over the finished trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlas.metrics import METRICS, Metric, OrderMetrics
from atlas.report.formats import seeds
from atlas.report.summary import Summary
from atlas.report.tables import Row, trial_metrics
from atlas.report.views import Cell, Table, columns, metric_cell


@dataclass(frozen=True, kw_only=True)
class MetricsSection:
    """`values`: a row a metric and route. `definitions`: (title, definition) of each metric."""

    template: ClassVar[str] = "metrics.html"

    seeds: str
    values: Table
    definitions: tuple[tuple[str, str], ...]


def metrics_section(summary: Summary, rows: Sequence[Row]) -> MetricsSection | None:
    """Every metric of the registry that the page shows, on test; None where no trial has finished."""
    by_id = {trial.id: trial for trial in summary.trials}
    found = [trial_metrics(summary, by_id[row.trial], "test") for row in rows if row.status == "FINISHED"]
    if not found:
        return None
    shown = [metric for metric in METRICS.values() if "table" in metric.shown]
    return MetricsSection(
        seeds=seeds(summary),
        values=Table(
            columns=columns("Metric", "Route", "Chosen trial", "Mean", "Worst", "Best", left=(0, 1)),
            rows=tuple(
                _row(metric, route, found)
                for metric in shown
                for route in metric.routes
                if any(f"{route}/{metric.name}" in one.values for one in found)
            ),
        ),
        definitions=tuple((metric.title, metric.definition) for metric in shown),
    )


def _row(metric: Metric, route: str, found: Sequence[OrderMetrics]) -> tuple[Cell | str, ...]:
    """The metric of the first trial, and its mean and range over all for which it is defined."""
    name = f"{route}/{metric.name}"
    values = [value for one in found if (value := one[name]) is not None]
    ends = sorted(values, reverse=metric.better == "lower")
    worst, best = (ends[0], ends[-1]) if ends else (None, None)
    mean = float(np.mean(values)) if values else None
    chosen = metric_cell(metric, found[0][name], why=found[0].undefined.get(name, ""))
    return metric.title, route, chosen, *(metric_cell(metric, value) for value in (mean, worst, best))
