"""The registry of metrics. To add one: write its function and, beside it, its entry in that file's METRICS."""

from __future__ import annotations

from atlas.metrics.accuracy import METRICS as ACCURACY
from atlas.metrics.climb import METRICS as TRANSFER
from atlas.metrics.forward import METRICS as FORWARD
from atlas.metrics.metric import Metric
from atlas.metrics.mtil import METRICS as MTIL
from atlas.metrics.retention import METRICS as RETENTION
from atlas.runtime.errors import unknown

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*ACCURACY, *RETENTION, *TRANSFER, *FORWARD, *MTIL)}


def find_metric(name: str) -> Metric:
    """The metric of that name. Raises UserError, naming the nearest one, where there is none."""
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]
