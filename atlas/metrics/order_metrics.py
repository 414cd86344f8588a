"""Every metric of one order, from its accuracy matrices: the registry, evaluated. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from atlas.metrics.catalogue import METRICS
from atlas.metrics.metric import ROUTES, Metric, OrderScores, Route, Shown
from atlas.metrics.value import MetricValue, Undefined
from atlas.runtime.errors import UserError


@dataclass(frozen=True)
class OrderMetrics:
    """The metrics of one order and split, by `<route>/<name>`; a metric without a value says why."""

    values: Mapping[str, MetricValue]

    def __getitem__(self, name: str) -> float | None:
        """The value of `<route>/<name>`; None where it is undefined, or not reported on that route."""
        value = self.values.get(name)
        return None if isinstance(value, Undefined) else value

    @property
    def defined(self) -> dict[str, float]:
        """The metrics that have a value."""
        return {name: value for name, value in self.values.items() if not isinstance(value, Undefined)}

    @property
    def undefined(self) -> dict[str, str]:
        """The reason why a metric has no value, for those that have none."""
        return {name: value.reason for name, value in self.values.items() if isinstance(value, Undefined)}

    def shown(self, where: Shown) -> OrderMetrics:
        """Those that are shown there."""
        return OrderMetrics(
            {name: value for name, value in self.values.items() if where in METRICS[name.partition("/")[2]].shown}
        )


def order_metrics(
    latest: ArrayLike,
    own: ArrayLike | None,
    single_task: Sequence[float | None] | None = None,
    *,
    chance: Sequence[float] | None = None,
    joint: Sequence[float] | None = None,
    untrained: Sequence[float | None] | None = None,
    free: ArrayLike | None = None,
    free_untrained: Sequence[float | None] | None = None,
) -> OrderMetrics:
    """Every metric of the registry, of an order on one split.

    `latest`, `own` and `free` are its accuracy matrices [T, T] on the routes, in percent, None for those that were not
    scored; the references have one value a task, in the order of the columns (see `OrderScores`). `free_untrained` is
    that of route `free`, whose classes are more.

    Raises:
        UserError: a matrix is not square.
    """
    told = tuple(map(_fixed, (single_task, joint, untrained, chance)))
    found = (None, None, _fixed(free_untrained), None)
    values: dict[str, MetricValue] = {}
    for route, R, references in (("latest", latest, told), ("own", own, told), ("free", free, found)):
        if R is not None:
            scores = np.asarray(R, dtype=float)
            values |= _values(route, tuple(_reported(route)), scores.shape, scores.tobytes(), *references)
    return OrderMetrics(values)


def _fixed(scores: Sequence[float | None] | None) -> tuple[float | None, ...] | None:
    """References as they can be looked up."""
    return None if scores is None else tuple(scores)


@lru_cache(maxsize=1024)  # a sweep's page asks for those of a trial twenty times
def _values(
    route: str,
    reported: tuple[Metric, ...],
    shape: tuple[int, ...],
    R: bytes,
    single_task: tuple[float | None, ...] | None,
    joint: tuple[float, ...] | None,
    untrained: tuple[float | None, ...] | None,
    chance: tuple[float, ...] | None,
) -> Mapping[str, MetricValue]:
    """`<route>/<name>` → value, of the matrix with these bytes, which no metric may alter."""
    matrix = np.ndarray(shape, dtype=float, buffer=R)
    scores = OrderScores(R=matrix, single_task=single_task, joint=joint, untrained=untrained, chance=chance)
    return MappingProxyType({f"{route}/{metric.name}": metric.compute(scores) for metric in reported})


def _reported(route: str) -> Iterator[Metric]:
    known: dict[str, Route] = {name: name for name in ROUTES}
    if route not in known:
        raise UserError(f"the route is {route!r}; the routes are {', '.join(ROUTES)}.")
    return (metric for metric in METRICS.values() if known[route] in metric.routes)
