"""Pareto fronts: average accuracy against forgetting, parameters, operations and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.report.canvas import BEST, INK, MUTED, PHONE, new_figure, titled
from atlas.report.marks import put_mark, trial_marks
from atlas.report.settings import labels_in_words
from atlas.report.summary import Summary, TrialRow
from atlas.report.tables import settings_label, trial_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost of a trial, lower is better. `label` has the unit in which `shown` gives it: the value over `scale`."""

    name: str
    label: str
    scale: float = 1.0

    def shown(self, point: ParetoPoint) -> float:
        """The point's cost in the label's unit."""
        return point.costs[self.name] / self.scale


COSTS = (
    Cost(name="forgetting", label="forgetting (points)"),
    Cost(name="stored_parameters", label="stored parameters (thousands)", scale=1e3),
    Cost(name="trained_parameters", label="trained at a time (thousands)", scale=1e3),
    Cost(name="flops", label="training operations (10⁹)", scale=1e9),
    Cost(name="seconds", label="training time (s)"),
)


@dataclass(frozen=True, kw_only=True)
class ParetoPoint:
    """Means over the trials of one setting, or where all settings are alike of one order. `costs`: lower is better.

    `mark`: the one of its row on the page.
    """

    name: str
    accuracy: float
    costs: Mapping[str, float]
    mark: str = ""


def points(summary: Summary) -> list[ParetoPoint]:
    """The points of the finished trials (test, route latest), best accuracy first; costs that all of them have."""
    several = len({settings_label(trial.settings) for trial in summary.trials}) > 1
    groups: dict[str, list[dict[str, float]]] = defaultdict(list)
    words, marks, mark_of = labels_in_words(summary), {}, trial_marks(summary)
    for trial in summary.trials:
        row = _row(summary, trial)
        if row is not None:
            name = settings_label(trial.settings) if several else " → ".join(trial.order)
            groups[name].append(row)
            marks[name] = mark_of(trial)
    known = set.intersection(*(set(row) for rows in groups.values() for row in rows)) if groups else set()
    made = [
        ParetoPoint(
            name=words.get(name, name) or "no setting",
            mark=marks[name],
            accuracy=float(np.mean([row["accuracy"] for row in rows])),
            costs={cost.name: float(np.mean([row[cost.name] for row in rows])) for cost in COSTS if cost.name in known},
        )
        for name, rows in groups.items()
    ]
    return sorted(made, key=lambda point: -point.accuracy)


def front(found: Sequence[ParetoPoint], costs: Sequence[Cost]) -> list[ParetoPoint]:
    """The Pareto front: points that no other beats, by being as good in accuracy and all `costs` and better in one."""

    def beats(one: ParetoPoint, other: ParetoPoint) -> bool:
        mine = (-one.accuracy, *(one.costs[cost.name] for cost in costs))
        theirs = (-other.accuracy, *(other.costs[cost.name] for cost in costs))
        return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs

    return [point for point in found if not any(beats(other, point) for other in found)]


def front_in_words(summary: Summary, names: Sequence[str]) -> str:
    """The Pareto front of the finished trials in accuracy and these costs, in a sentence; empty without any."""
    found = points(summary)
    costs = [cost for cost in varying(found) if cost.name in names]
    if not costs:
        return ""
    best = front(found, costs)
    told = (f"{one.name} ({one.accuracy:.1f} %{_costs_of(one, costs)})" for one in best)
    what = ", ".join(cost.name.replace("_", " ") for cost in costs)
    return f"{len(best)} of {len(found)} are beaten by none in accuracy, {what}: {'; '.join(told)}"


def _costs_of(point: ParetoPoint, costs: Sequence[Cost]) -> str:
    return "".join(f", {cost.shown(point):,.1f} {cost.label}" for cost in costs)


def varying(found: Sequence[ParetoPoint]) -> list[Cost]:
    """The costs that all points have and that differ by more than 1 %: in the others no point is better."""
    known = [cost for cost in COSTS if found and all(cost.name in point.costs for point in found)]
    ranges = {cost: [point.costs[cost.name] for point in found] for cost in known}
    return [cost for cost, values in ranges.items() if max(values) - min(values) > 0.01 * max(map(abs, values))]


def pareto(summary: Summary, *, narrow: bool = False) -> Figure:
    """A panel a cost that differs; filled and joined: the points that no other beats in that panel."""
    found = points(summary)
    shown = varying(found)
    columns = min(2 if narrow or len(shown) == 4 else 3, max(1, len(shown)))
    rows = -(-len(shown) // columns)
    width, height = (PHONE, 2.4) if narrow else (max(6.5, 3.4 * columns + 0.4), 2.9)
    figure, panels = new_figure(width, height * rows + 0.9, rows, columns)
    for axes, cost in zip(panels, shown, strict=False):
        _panel(axes, found, cost)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel("average accuracy (%)")
    if narrow:
        for axes in panels:
            axes.xaxis.label.set_fontsize(8)
            axes.locator_params(axis="x", nbins=4)
    return titled(
        figure, summary, "Average accuracy against cost; filled: no other is better in both", "test", "latest"
    )


def _panel(axes: Axes, found: Sequence[ParetoPoint], cost: Cost) -> None:
    best = sorted(front(found, [cost]), key=lambda point: point.costs[cost.name])
    rest = [point for point in found if point not in best]
    x, y = [cost.shown(p) for p in best], [p.accuracy for p in best]
    axes.plot(x, y, color=BEST, linewidth=1.4, drawstyle="steps-post")
    for point in [*rest, *best]:
        style: dict[str, Any] = {"color": BEST} if point in best else {"color": MUTED, "markerfacecolor": "none"}
        put_mark(point.mark, axes.plot([cost.shown(point)], [point.accuracy], marker="o", markersize=6, **style))
    for point, left, up in zip(best, x, y, strict=True):
        number = str(found.index(point) + 1)
        axes.annotate(number, (left, up), (5, -11), textcoords="offset points", fontsize=9, color=INK)
    axes.set_xlabel(cost.label)
    axes.margins(0.12)


def _row(summary: Summary, trial: TrialRow) -> dict[str, float] | None:
    if not trial.may_win:
        return None
    figures = trial_metrics(summary, trial, "test")
    known = {"accuracy": figures["latest/average_accuracy"], "forgetting": figures["latest/forgetting"]}
    known |= dict(trial.cost or ())
    row = {name: float(value) for name, value in known.items() if value is not None}
    return row if "accuracy" in row else None
