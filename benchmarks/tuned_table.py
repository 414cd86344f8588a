"""Question: how do the tuned learners compare, on orders that none of them was tuned on?

Command: python -m benchmarks.tuned_table benchmarks/rows/tuned.json --picture docs/assets/tuned-learners.png
         python -m benchmarks.tuned_table benchmarks/rows/tuned.json --settings "normalised, stages 1:1"   (for --tuned)
Cost: some seconds. The table is made by `python -m benchmarks.tuned`.

For each set of tasks a row a learner: average accuracy after the last task by route latest and route own, forgetting
and AOPD, each the mean over the orders of the means over seeds, with the 95 % interval over the orders (Student's t);
then differences in average accuracy, paired by order, with p of the permutation test over orders, corrected for all
of a set (Holm). The picture has a dot an order.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atlas.metrics.orders import aopd
from atlas.metrics.retention import forgetting
from atlas.metrics.value import Undefined
from atlas.report.canvas import BEST, INK, MUTED, STYLE, new_figure
from atlas.runtime.text import counted
from atlas.statistics.comparison import Cell, Comparison, compare, corrected
from atlas.statistics.interval import Interval, mean_t

PAIRS = (
    ("atlas-normalised", "atlas"),
    ("atlas-normalised", "head-only"),
    ("atlas-normalised", "lone-adapters"),
    ("atlas-normalised", "shared-adapter"),
    ("atlas-normalised", "o-lora"),
    ("atlas-normalised", "replay"),
    ("normalised, stages 1:1", "normalised, stage 2 alone"),
    ("normalised, stages 1:1", "normalised, stage 1 alone"),
    ("normalised, stage 2 alone", "uniform, stage 2 alone"),
)
COLUMNS = "| {} | {} | {} | {} | {} |"


@dataclass(frozen=True)
class Walk:
    """One order learnt with one seed: the test scores in percent after each task (route latest), and by route own."""

    order: str
    seed: int
    latest: Sequence[Sequence[float]]
    own: Sequence[float]

    @property
    def matrix(self) -> np.ndarray:
        """R [tasks, tasks], NaN above the diagonal."""
        count = len(self.latest)
        return np.array([[*row, *[np.nan] * (count - len(row))] for row in self.latest])

    @property
    def final(self) -> dict[str, float]:
        """Each task's score after the last, in percent."""
        return dict(zip(self.order.split(","), self.latest[-1], strict=True))


@dataclass(frozen=True)
class Row:
    """A learner on a set of tasks: its walks along the orders that none was tuned on."""

    learner: str
    walks: Sequence[Walk]

    def scores(self) -> dict[Cell, float]:
        """Average accuracy after the last task by order and seed, in percent."""
        return {(tuple(one.order.split(",")), one.seed): float(np.mean(one.latest[-1])) for one in self.walks}

    def by_order(self, values: Mapping[tuple[str, int], float]) -> list[float]:
        """Means over seeds of a walk's value, one an order."""
        orders = sorted({order for order, _ in values})
        return [float(np.mean([value for (one, _), value in values.items() if one == order])) for order in orders]

    def of(self, name: str) -> list[float]:
        """A figure of the walks, one value an order."""
        return self.by_order({(one.order, one.seed): _figure(one, name) for one in self.walks})

    def final(self) -> dict[str, list[float]]:
        """Task → its scores after the last task, the mean over seeds, one an order."""
        tasks = sorted(self.walks[0].final)
        return {task: self.by_order({(one.order, one.seed): one.final[task] for one in self.walks}) for task in tasks}

    def disparity(self) -> float:
        """AOPD of the means over seeds, in points; 0 for one order."""
        found = aopd(self.final())
        return 0.0 if isinstance(found, Undefined) else found

    def line(self) -> str:
        """The row of the table."""
        figures = [in_words(self.of(name)) for name in ("latest", "own", "forgetting")]
        return COLUMNS.format(self.learner, *figures, f"{self.disparity():.1f}")


def _figure(walk: Walk, name: str) -> float:
    if name == "forgetting":
        found = forgetting(walk.matrix)
        return 0.0 if isinstance(found, Undefined) else found
    return float(np.mean(walk.latest[-1] if name == "latest" else walk.own))


def in_words(values: Sequence[float]) -> str:
    """The mean over orders, with its interval where they differ: `73.5 (73.0 to 74.0)`."""
    mean = mean_t(values)
    assert not isinstance(mean, Undefined)
    spread = mean.interval
    if not isinstance(spread, Interval) or spread.high - spread.low < 0.05:
        return f"{mean.value:.1f}"
    return f"{mean.value:.1f} ({spread.low:.1f} to {spread.high:.1f})"


def read_rows(table: Mapping[str, Any], name: str) -> list[Row]:
    """The rows of a set, best first, without the orders that learners were tuned on."""
    rows = [
        Row(one["learner"], [Walk(**walk) for walk in one["walks"] if walk["order"] not in table["tuned_on"]])
        for one in table["rows"]
        if one["set"] == name
    ]
    return sorted(rows, key=lambda row: -float(np.mean(row.of("latest"))))


def differences(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of `PAIRS`: the difference in average accuracy, its interval and its p."""
    scores = {row.learner: row.scores() for row in rows}
    pairs = [pair for pair in PAIRS if set(pair) <= scores.keys()]
    found = [compare({name: scores[name] for name in pair}, unit="order")[0] for pair in pairs]
    yield from corrected_lines(found)


def corrected_lines(found: Sequence[Comparison | Undefined]) -> Iterator[str]:
    """A line a comparison, its p corrected for all of them."""
    for one in corrected(found):
        if isinstance(one, Undefined):
            continue
        spread = one.interval
        shown = f" ({spread.low:+.1f} to {spread.high:+.1f})" if isinstance(spread, Interval) else ""
        yield f"| {one.first} − {one.second} | {one.difference:+.1f}{shown} | {one.adjusted:.4f} |"


def show(table: Mapping[str, Any]) -> None:
    """Print the tables of all sets, in Markdown."""
    for name in dict.fromkeys(row["set"] for row in table["rows"]):
        rows = read_rows(table, name)
        seeds, orders = ({getattr(walk, field) for row in rows for walk in row.walks} for field in ("seed", "order"))
        walked = f"{counted(len(orders), 'order')} that none was tuned on, {counted(len(seeds), 'seed')}"
        print(f"\n{name}: {walked}; test, %\n")
        print(COLUMNS.format("learner", "A, route latest", "A, route own", "forgetting", "AOPD, latest"))
        print(COLUMNS.format(*["---"] * 5))
        print(*(row.line() for row in rows), sep="\n")
        print("\n| difference in A, route latest | points (95 % interval) | p (Holm) |\n|---|---|---|")
        print(*differences(rows), sep="\n")


def draw_picture(table: Mapping[str, Any], path: Path) -> None:
    """A dot an order, a line a learner, for the first set of the table; of rows with the same walks the first."""
    import matplotlib as mpl

    rows = read_rows(table, table["rows"][0]["set"])
    rows = [row for place, row in enumerate(rows) if row.walks not in [one.walks for one in rows[:place]]][::-1]
    figure, (axes,) = new_figure(6, 0.33 * len(rows) + 1.1, 1, 1)
    with mpl.rc_context({**STYLE, "svg.hashsalt": "tuned"}):
        for place, row in enumerate(rows):
            values = row.of("latest")
            colour = {"atlas": INK, "atlas-normalised": BEST}.get(row.learner, MUTED)
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
            axes.plot(np.mean(values), place, "|", color=colour, markersize=18, markeredgewidth=2.5)
        axes.set_yticks(range(len(rows)), [row.learner for row in rows], fontsize=9)
        axes.set_xlabel("average accuracy after the last task\n(test, route latest, %): a dot an order", fontsize=9)
        axes.grid(visible=False, axis="y")
        figure.savefig(path, facecolor="white", dpi=150)


def settings_of(table: Mapping[str, Any], learner: str) -> str:
    """What `--tuned` takes to learn as a row of the table did. Raises SystemExit for a learner without a row."""
    found = {row["learner"]: row["settings"] for row in table["rows"]}
    if learner not in found:
        raise SystemExit(f"--settings is {learner!r}; the table has {', '.join(found)}")
    return json.dumps(found[learner], sort_keys=True)


def main() -> None:
    """Print the tables, or a learner's settings; draw the picture where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="png or svg")
    parser.add_argument("--settings", metavar="LEARNER", help="print its settings alone, as --tuned takes them")
    given = parser.parse_args()
    table = json.loads(given.table.read_text())
    if given.settings:
        print(settings_of(table, given.settings))
        return
    show(table)
    if given.picture:
        draw_picture(table, given.picture)


if __name__ == "__main__":
    main()
