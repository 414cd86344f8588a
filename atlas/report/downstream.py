"""Few-shot learning of unseen tasks, from the model M_T of an order and from the bare backbone M_0 (METHOD, 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlas import metrics
from atlas.metrics import Undefined
from atlas.report.canvas import BEST, INK, MUTED, THIRD, WORST, panel_row, titled
from atlas.report.summary import BARE, ProbeScore, Summary
from atlas.report.tables import settings_label
from atlas.statistics import shrunk_means

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS = ("experience", "both", "head")


@dataclass(frozen=True, kw_only=True)
class ShotRow:
    """A downstream task at one number of shots: test scores in percent, means over seeds, and over orders after M_T.

    `low` and `high` are the worst and best order's, by way `both`; `transfer` is T_LS in percent by way.
    """

    task: str
    shots: str
    chance: float
    head: float | None
    bare: Mapping[str, float | None]
    mean: Mapping[str, float | None]
    low: float | None
    high: float | None
    transfer: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class DownstreamWalk:
    """A trial of one seed and the mean of its downstream scores, in percent: chosen by `val`, reported on `test`."""

    trial: str
    order: tuple[str, ...]
    settings: str
    val: float
    test: float


@dataclass(frozen=True, kw_only=True)
class DownstreamOrder:
    """An order and the mean of its downstream scores over its seeds, in percent: `val` ranks, `test` is reported."""

    order: tuple[str, ...]
    val: float
    test: float


def shot_rows(summary: Summary) -> list[ShotRow]:
    """One row a downstream task and number of shots, as the summary lists them."""
    rows = summary.downstream
    places = list(dict.fromkeys((row.task, row.shots) for row in rows))
    return [
        _shot_row(summary, task, shots, [r for r in rows if (r.task, r.shots) == (task, shots)])
        for task, shots in places
    ]


def _shot_row(summary: Summary, task: str, shots: str, rows: Sequence[ProbeScore]) -> ShotRow:
    chance = summary.downstream_tasks[task].chance
    bare = {way: _mean(row.test for row in rows if row.trial == BARE and row.way == way) for way in WAYS}
    after = {way: [row for row in rows if row.trial != BARE and row.way == way] for way in WAYS}
    mean = {way: _mean(row.test for row in after[way]) for way in ("experience", "both")}
    orders = [_mean(row.test for row in after["both"] if row.order == order) for order in _orders(after["both"])]
    known = [score for score in orders if score is not None]
    return ShotRow(
        task=task,
        shots=shots,
        chance=chance,
        head=bare["head"],
        bare={way: bare[way] for way in mean},
        mean=mean,
        low=min(known, default=None),
        high=max(known, default=None),
        transfer={way: _transfer(mean[way], bare[way], chance) for way in mean},
    )


def downstream_walks(summary: Summary) -> list[DownstreamWalk]:
    """One row a trial and seed, best first by the mean validation score over its downstream tasks."""
    labels = {trial.id: settings_label(trial.settings) for trial in summary.trials}
    by_trial: dict[str, list[ProbeScore]] = {}
    for row in summary.downstream:
        if row.trial != BARE:
            by_trial.setdefault(row.trial, []).append(row)
    found = [
        DownstreamWalk(
            trial=trial,
            order=rows[0].order,
            settings=labels.get(trial, ""),
            val=float(np.mean([row.val for row in rows])),
            test=float(np.mean([row.test for row in rows])),
        )
        for trial, rows in by_trial.items()
    ]
    return sorted(found, key=lambda row: -row.val)


def downstream_orders(summary: Summary) -> list[DownstreamOrder]:
    """One row an order (and setting), the mean over its seeds, best first by val.

    Orders with different numbers of seeds rank by what these let expect (`shrunk_means`), as those of a sweep do.
    """
    walks: dict[tuple[tuple[str, ...], str], list[DownstreamWalk]] = {}
    for walk in downstream_walks(summary):
        walks.setdefault((walk.order, walk.settings), []).append(walk)
    believed = shrunk_means({key: [walk.val for walk in some] for key, some in walks.items()})
    return [
        DownstreamOrder(
            order=key[0],
            val=float(np.mean([walk.val for walk in walks[key]])),
            test=float(np.mean([walk.test for walk in walks[key]])),
        )
        for key in sorted(walks, key=lambda key: -believed[key])
    ]


def few_shot_curves(summary: Summary, *, narrow: bool = False) -> Figure:
    """A panel a downstream task: the test score over the shots, on M_0 and after the orders (their mean and range)."""
    rows = shot_rows(summary)
    tasks = list(dict.fromkeys(row.task for row in rows))
    figure, panels = panel_row(len(tasks), (2.9, 3.8), narrow=narrow)
    for axes, task in zip(panels, tasks, strict=False):
        here = [row for row in rows if row.task == task]
        places = range(len(here))
        lines = {
            "head, from M_0": (MUTED, "--", [row.head for row in here]),
            "both, from M_0": (WORST, "-", [row.bare["both"] for row in here]),
            "experience, after the orders": (THIRD, "-", [row.mean["experience"] for row in here]),
            "both, after the orders": (BEST, "-", [row.mean["both"] for row in here]),
        }
        for label, (colour, style, scores) in lines.items():
            values = [np.nan if score is None else score for score in scores]
            axes.plot(places, values, color=colour, linestyle=style, marker="o", markersize=4, label=label)
        spread = [(row.low, row.high) for row in here if row.low is not None and row.high is not None]
        if len(spread) == len(here):
            lows, highs = zip(*spread, strict=True)
            axes.fill_between(places, lows, highs, color=BEST, alpha=0.15, linewidth=0)
        axes.axhline(here[0].chance, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_xticks(places, [row.shots for row in here], fontsize=8)
        axes.set_title(task, loc="left", fontsize=10)
    panels[0].set_ylabel("score (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=1 if narrow else 2, frameon=False, fontsize=9, labelcolor=INK
    )
    about = "Few-shot score of tasks that no order has seen; band: worst to best order; dotted: chance"
    return titled(figure, summary, about, "test", "own")


def _orders(rows: Iterable[ProbeScore]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(row.order for row in rows))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None


def _transfer(score: float | None, bare: float | None, chance: float) -> float | None:
    if score is None or bare is None:
        return None
    value = metrics.low_shot_transfer(score, bare, chance)
    return None if isinstance(value, Undefined) else value
