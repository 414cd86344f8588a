"""Figures of continual learning, as plain functions of the accuracy matrix R.

R is [T, T], in percent: R[i, j] is the score on the j-th task *of the order* after the i-th was trained, NaN where
it was not evaluated. Tasks are trained one after another, so an unfinished trial has its last rows NaN:
every function looks at the first n rows and columns, n = tasks_seen(R). A figure that has no value is
`Undefined`, with the reason; it is never a silent 0 or NaN. Where libraries call different things by one name,
each definition has a name of its own, and its docstring says whose it is.
"""

from __future__ import annotations

from atlas.metrics.accuracy import (
    average_accuracy,
    average_anytime_accuracy,
    intransigence,
    intransigence_to_lone,
    learning_accuracy,
    relative_accuracy,
    triangle_accuracy,
)
from atlas.metrics.catalogue import METRICS, find_metric
from atlas.metrics.climb import MARGIN, forgetting_transfer, low_shot_transfer, upstream_knowledge_transfer
from atlas.metrics.cost import Shape, forward_flops, parameters, step_flops
from atlas.metrics.forward import forward_transfer, future_accuracy
from atlas.metrics.metric import Metric, OrderScores
from atlas.metrics.mtil import mtil_average, mtil_last, mtil_transfer, transfer_over_zero_shot
from atlas.metrics.order_metrics import OrderMetrics, order_metrics
from atlas.metrics.orders import aopd, mopd, opd
from atlas.metrics.retention import (
    backward_transfer,
    backward_transfer_over_time,
    forgetting,
    forgetting_from_best,
    remembering,
)
from atlas.metrics.speed import learning_speed
from atlas.metrics.value import NO_TASK, MetricValue, Undefined, tasks_seen

__all__ = [
    "MARGIN",
    "METRICS",
    "NO_TASK",
    "Metric",
    "MetricValue",
    "OrderMetrics",
    "OrderScores",
    "Shape",
    "Undefined",
    "aopd",
    "average_accuracy",
    "average_anytime_accuracy",
    "backward_transfer",
    "backward_transfer_over_time",
    "find_metric",
    "forgetting",
    "forgetting_from_best",
    "forgetting_transfer",
    "forward_flops",
    "forward_transfer",
    "future_accuracy",
    "intransigence",
    "intransigence_to_lone",
    "learning_accuracy",
    "learning_speed",
    "low_shot_transfer",
    "mopd",
    "mtil_average",
    "mtil_last",
    "mtil_transfer",
    "opd",
    "order_metrics",
    "parameters",
    "relative_accuracy",
    "remembering",
    "step_flops",
    "tasks_seen",
    "transfer_over_zero_shot",
    "triangle_accuracy",
    "upstream_knowledge_transfer",
]
