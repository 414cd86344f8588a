"""The figures of a sweep as they are published: each with its definition, split, route, seeds and order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from pydantic import JsonValue, SerializerFunctionWrapHandler, model_serializer

from atlas import metrics
from atlas.metrics import MetricValue
from atlas.metrics.catalogue import METRICS
from atlas.report import Summary, order_statistics, task_rows, trial_metrics
from atlas.report.summary import Route, Split, SummaryPart
from atlas.report.tables import TaskRow

SPLIT: Split = "test"
OF_WALK: dict[str, tuple[Route, ...]] = {
    "average_accuracy": ("latest", "own"),
    "forgetting": ("latest",),
    "backward_transfer": ("latest",),
}
REFERENCES: dict[str, tuple[str, Callable[[TaskRow], float | None]]] = {
    "lone": (
        "The score on the task learnt alone with an adapter, the mean over the seeds.",
        lambda row: row.single_task,
    ),
    "head_only": (
        "The score on the task of a head alone on the bare backbone, the mean over the seeds.",
        lambda row: row.head_only,
    ),
    "untrained": (
        "The score on the task of a head that has learnt nothing, the mean over the seeds.",
        lambda row: row.untrained,
    ),
}
OVER_ORDERS: dict[str, tuple[str, Callable[[TaskRow], float | None]]] = {
    "low": ("The score on the task after the last task of an order: of the orders, the lowest.", lambda row: row.low),
    "mean": ("The score on the task after the last task of an order: the mean over the orders.", lambda row: row.mean),
    "high": (
        "The score on the task after the last task of an order: of the orders, the highest.",
        lambda row: row.high,
    ),
}
PROBE = "The score on a task learnt from few samples after the order (of none: on the bare backbone)."


class PublishedFigure(SummaryPart):
    """A figure in percent or points, with what it is of; None: it is not of one.

    `settings` are those in which trials differ, `orders` the number of orders that the figure is over.
    """

    figure: str
    value: float | None
    split: Split
    route: Route | None = None
    task: str | None = None
    way: str | None = None
    shots: str | None = None
    order: tuple[str, ...] | None = None
    orders: int | None = None
    seeds: tuple[int, ...] | None = None
    settings: dict[str, JsonValue] | None = None
    definition: str

    @property
    def place(self) -> str:
        """All that tells it from other figures, as text."""
        return self.model_dump_json(exclude={"value", "definition"})

    @model_serializer(mode="wrap")
    def _without_what_it_is_not_of(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = write(self)
        return {name: value for name, value in fields.items() if value is not None or name == "value"}


def figures_of(summary: Summary) -> tuple[PublishedFigure, ...]:
    """All published figures, of the split `test`; computed from R, not from the recorded metrics."""
    return (*_of_walks(summary), *_of_tasks(summary), *_of_orders(summary), *_of_probes(summary))


def _of_walks(summary: Summary) -> Iterator[PublishedFigure]:
    for row in summary.trials:
        found = trial_metrics(summary, row, SPLIT)
        for name, routes in OF_WALK.items():
            for route in routes:
                yield PublishedFigure(
                    figure=name,
                    value=found[f"{route}/{name}"],
                    split=SPLIT,
                    route=route,
                    order=row.order,
                    seeds=(row.seed,),
                    settings=row.settings or None,
                    definition=METRICS[name].definition,
                )


def _of_tasks(summary: Summary) -> Iterator[PublishedFigure]:
    for row in task_rows(summary):
        yield PublishedFigure(
            figure="chance", value=row.chance, split=SPLIT, task=row.name, definition="The score of guessing."
        )
        groups: tuple[tuple[Route, dict[str, tuple[str, Callable[[TaskRow], float | None]]]], ...]
        groups = (("own", REFERENCES), ("latest", OVER_ORDERS))
        for route, group in groups:
            for name, (definition, value) in group.items():
                yield PublishedFigure(
                    figure=name,
                    value=value(row),
                    split=SPLIT,
                    route=route,
                    task=row.name,
                    seeds=summary.seeds,
                    definition=definition,
                )


def _of_orders(summary: Summary) -> Iterator[PublishedFigure]:
    for found in order_statistics(summary):
        if found.split != SPLIT:
            continue
        for name, value, function in (("aopd", found.aopd, metrics.aopd), ("mopd", found.mopd, metrics.mopd)):
            yield PublishedFigure(
                figure=name,
                value=value,
                split=SPLIT,
                route=found.route,
                orders=found.count,
                seeds=summary.seeds,
                settings=found.settings or None,
                definition=_definition(function),
            )


def _of_probes(summary: Summary) -> Iterator[PublishedFigure]:
    for probe in summary.downstream:
        yield PublishedFigure(
            figure="downstream",
            value=probe.of(SPLIT),
            split=SPLIT,
            route="own",
            task=probe.task,
            way=probe.way,
            shots=probe.shots,
            order=probe.order,
            seeds=(probe.seed,),
            definition=PROBE,
        )


def _definition(function: Callable[..., MetricValue]) -> str:
    """The first line of a metric's docstring: its formula and source."""
    return (inspect.getdoc(function) or "").partition("\n")[0]
