"""The effect of the order: final scores by order, their disparity, and the variance due to order and seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from markupsafe import Markup

from atlas.metrics import Undefined
from atlas.report import figures
from atlas.report.canvas import inline_pair
from atlas.report.comparisons import ALL, components
from atlas.report.formats import number, seeds
from atlas.report.objective import takes_subsets
from atlas.report.settings import best_label, short_label
from atlas.report.summary import Summary
from atlas.report.tables import settings_label
from atlas.report.views import Table, columns
from atlas.statistics import Components


@dataclass(frozen=True, kw_only=True)
class VarianceShares:
    """The shares of the variance in percent, and the components and estimators that they come from."""

    order: float
    seed: float
    residual: float
    components: Components
    p: float | None


@dataclass(frozen=True, kw_only=True)
class RouteVariance:
    """Of one route: the shares, or why there are none.

    `constant`: all orders and seeds give the same accuracy, so that there is no variance to share.
    """

    route: str
    shares: VarianceShares | None = None
    constant: Components | None = None
    undefined: str = ""


@dataclass(frozen=True, kw_only=True)
class OrdersSection:
    """`disparity`: a row a setting, split and route. `undefined`: why no route's variance can be shared out.

    `subsets`: orders take different tasks; the variance is then that of the relative accuracy.
    """

    template: ClassVar[str] = "orders.html"

    seeds: str
    figure: Markup | None
    disparity: Table
    variances: tuple[RouteVariance, ...]
    undefined: str
    subsets: bool


def orders_section(summary: Summary) -> OrdersSection:
    """The scores by order under the best settings, and the disparity under these."""
    found = components(summary)
    reasons = {one.reason if isinstance(one, Undefined) else "" for one in found.values()}
    return OrdersSection(
        seeds=seeds(summary),
        figure=inline_pair(partial(figures.order_sensitivity, summary), "order") if summary.is_scored else None,
        disparity=_disparity(summary),
        variances=tuple(_variance(route, one) for route, one in found.items()),
        undefined=reasons.pop() if len(reasons) == 1 else "",
        subsets=takes_subsets(summary),
    )


def _disparity(summary: Summary) -> Table:
    """The disparity under the best settings; that of the others is folded."""
    tasks, best = list(summary.tasks), best_label(summary)
    ranked = sorted(summary.orders, key=lambda one: settings_label(one.settings) != best)
    headings = ("Settings", "Split, route", "Orders", *tasks, "Mean (AOPD)", "Most (MOPD)")
    return Table(
        columns=columns(*headings, left=(0, 1)),
        rows=tuple(
            (
                short_label(one.settings) or ALL,
                f"{one.split}, {one.route}",
                str(one.count),
                *(number(one.opd.get(task)) for task in tasks),
                number(one.aopd),
                number(one.mopd),
            )
            for one in ranked
        ),
        limit=sum(settings_label(one.settings) == best for one in ranked) or None,
    )


def _variance(route: str, found: Components | Undefined) -> RouteVariance:
    if isinstance(found, Undefined):
        return RouteVariance(route=route, undefined=found.reason)
    order, seed, residual = (found.share(name) for name in ("order", "seed", "residual"))
    if isinstance(order, Undefined) or isinstance(seed, Undefined) or isinstance(residual, Undefined):
        return RouteVariance(route=route, constant=found)
    p = None if isinstance(found.p, Undefined) else found.p
    shares = VarianceShares(order=order, seed=seed, residual=residual, components=found, p=p)
    return RouteVariance(route=route, shares=shares)
