"""Question: how much does the order of the tasks matter to each learner?

Command: python -m benchmarks.order_study SUMMARY.json SUMMARY.json --picture docs/assets/order-study.png
Cost: some seconds. The summaries are of sweeps of orders, one learner each, along the same orders and seeds.

A row a learner, on the test split, route latest: average accuracy after the last task, its mean over orders (of the
means over seeds) with the 95 % interval over orders (Student's t), its worst and its best order; forgetting; AOPD and
MOPD of the means over seeds; and the share of the variance of average accuracy that the order explains (ANOVA
estimators over orders × seeds). Below, the difference between learners, paired by order (permutation test, Holm), AOPD
by each seed alone, and for each two learners the rank correlation of their orders. The picture has a dot an order.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations, starmap
from pathlib import Path

import numpy as np

from atlas.metrics.orders import mopd
from atlas.metrics.value import Undefined
from atlas.report.canvas import BEST, INK, MUTED, STYLE, THIRD, WORST, new_figure
from atlas.report.summary import Summary, read_summary
from atlas.statistics import compare, rank_correlation, variance_components
from benchmarks.tuned import as_walk
from benchmarks.tuned_table import Row, Walk, corrected_lines, in_words

COLUMNS = "| {} | {} | {} | {} | {} | {} | {} |"
HEADINGS = ("learner", "A, mean over orders", "worst to best order", "forgetting", "AOPD", "MOPD", "due to the order")


def row_of(summary: Summary) -> Row:
    """The walks of a sweep of orders. Raises SystemExit where one did not come to its end."""
    walks = [Walk(**as_walk(trial)) for trial in summary.trials]
    return Row(str(summary.settings["learner"]), walks)


def line(row: Row) -> str:
    """The row of the table."""
    values = row.of("latest")
    most, parts = mopd(row.final()), variance_components(row.scores())
    share = parts if isinstance(parts, Undefined) else parts.share("order")
    return COLUMNS.format(
        row.learner,
        in_words(values),
        f"{min(values):.1f} to {max(values):.1f}",
        in_words(row.of("forgetting")),
        f"{row.disparity():.1f}",
        "–" if isinstance(most, Undefined) else f"{most:.1f}",
        "–" if isinstance(share, Undefined) else f"{share:.0f} %",
    )


def show(rows: Sequence[Row]) -> None:
    """Print the table and the differences, in Markdown."""
    print(COLUMNS.format(*HEADINGS), COLUMNS.format(*["---"] * len(HEADINGS)), *map(line, rows), sep="\n")
    print("\n| difference in A | points (95 % interval) | p (Holm) |\n|---|---|---|")
    found = compare({row.learner: row.scores() for row in rows}, unit="order")
    print(*corrected_lines(found), "", *map(by_seed, rows), *starmap(ranked_alike, combinations(rows, 2)), sep="\n")


def by_seed(row: Row) -> str:
    """AOPD by each seed alone."""
    seeds = sorted({walk.seed for walk in row.walks})
    alone = [Row(row.learner, [walk for walk in row.walks if walk.seed == seed]) for seed in seeds]
    return f"{row.learner}: AOPD by seed {', '.join(f'{one.disparity():.1f}' for one in alone)}"


def averages(row: Row) -> dict[tuple[str, ...], float]:
    """Order → average accuracy after the last task, the mean over seeds."""
    orders = sorted({walk.order for walk in row.walks})
    return {tuple(order.split(",")): value for order, value in zip(orders, row.of("latest"), strict=True)}


def ranked_alike(first: Row, second: Row) -> str:
    """Whether the orders that are good for one learner are good for the other, and how often each is the better one."""
    one, other = averages(first), averages(second)
    found, shared = rank_correlation((first.learner, one), (second.learner, other)), one.keys() & other.keys()
    if isinstance(found, Undefined):
        return f"{first.learner}, {second.learner}: {found}"
    better = sum(other[order] > one[order] for order in shared)
    return (
        f"{first.learner}, {second.learner}: rank correlation {found.spearman:.2f} (p = {found.spearman_p:.2g}); "
        f"the second is better along {better} of {len(shared)} orders"
    )


def draw_picture(rows: Sequence[Row], path: Path) -> None:
    """Average accuracy of every order, a line a learner, worst order first."""
    import matplotlib as mpl

    figure, (axes,) = new_figure(8, 3.4, 1, 1)
    with mpl.rc_context({**STYLE, "svg.hashsalt": "orders"}):
        for row, colour in zip(rows, (WORST, BEST, THIRD, INK, MUTED), strict=False):
            values = sorted(row.of("latest"))
            places = np.linspace(0, 100, len(values))
            axes.plot(places, values, "o-", color=colour, markersize=3, linewidth=1, label=row.learner)
        axes.set_xlabel("orders, from the worst to the best (%)")
        axes.set_ylabel("average accuracy (test, %)")
        axes.legend(frameon=False, fontsize=9)
        figure.savefig(path, facecolor="white", dpi=150)


def main() -> None:
    """Print the table; draw the picture where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("summaries", nargs="+", type=Path, metavar="SUMMARY", help="summary.json of a sweep of orders")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="png or svg")
    given = parser.parse_args()
    rows = [row_of(read_summary(path)) for path in given.summaries]
    show(rows)
    if given.picture:
        draw_picture(rows, given.picture)


if __name__ == "__main__":
    main()
