"""Parts of a page: what the order does, what explains it, which task helps which, whose adapter is reused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from atlas.metrics import Undefined
from atlas.report import figures
from atlas.report.canvas import cell_colours, effect_colours, inline_svg
from atlas.report.comparisons import components, precedence
from atlas.report.effects import ROUTES, alpha_range, effect_limit, is_clear, site_name
from atlas.report.html import coloured, grid, number, seeds, table
from atlas.statistics import Components, Interval, Precedence

Summary = Mapping[str, Any]


def order_section(summary: Summary) -> str:
    tasks = list(summary["tasks"])
    head = ["Settings", "Split, route", "Orders", *map(escape, tasks), "Mean (AOPD)", "Most (MOPD)"]
    body = [
        [
            escape(", ".join(f"{name}={value}" for name, value in one["settings"].items()) or "all trials"),
            escape(f"{one['split']}, {one['route']}"),
            str(one["count"]),
            *(number(one["opd"].get(task)) for task in tasks),
            number(one["aopd"]),
            number(one["mopd"]),
        ]
        for one in summary["orders"]
    ]
    svg = inline_svg(figures.order_sensitivity(summary), "order") if summary["trials"] else ""
    return (
        "<h2>Does the order matter?</h2><p>Each line is one order; where lines lie apart, the order alone changed the "
        "score. Final scores under the settings of the best trial, split test, route latest, "
        f"seed {seeds(summary)}.</p>"
        f'<div class="card">{svg}</div><div class="card">{table(head, body, wide={0, 1})}</div>'
        '<p class="note">Order-normalised performance disparity: the best minus the worst final score of a task over '
        f"all orders, in points (Yoon et al., 2020). Seeds are averaged first.</p>{_components(summary)}"
    )


def _components(summary: Summary) -> str:
    """One sentence a route: how much of the spread is due to the order, how much to the seed."""
    found = components(summary)
    why = {one.reason for one in found.values() if isinstance(one, Undefined)}
    if len(why) == 1 and all(isinstance(one, Undefined) for one in found.values()):
        return f"<p><b>Order or luck?</b> Which it is, is undefined, because {escape(why.pop())}.</p>"
    return "".join(f"<p>{_said(route, one)}</p>" for route, one in found.items())


def _said(route: str, found: Components | Undefined) -> str:
    start = f"<b>Order or luck?</b> Route {route}: "
    if isinstance(found, Undefined):
        return f"{start}undefined, because {escape(found.reason)}."
    shares = {name: found.share(name) for name in ("order", "seed", "residual")}
    if any(isinstance(share, Undefined) for share in shares.values()):
        return f"{start}all {found.orders} orders and {found.seeds} seeds give the same average accuracy."
    p = "" if isinstance(found.p, Undefined) else f"; F test of no order effect: p = {found.p:.2g}"
    zero = f" The estimate for {' and '.join(found.negative)} was below 0 and is set to 0." if found.negative else ""
    return (
        f"{start}of the variance of average accuracy on test, {shares['order']:.0f} % is due to the order, "
        f"{shares['seed']:.0f} % to the seed and {shares['residual']:.0f} % to neither alone (standard deviations "
        f"{found.order**0.5:.1f}, {found.seed**0.5:.1f}, {found.residual**0.5:.1f} points; ANOVA estimators over "
        f"{found.orders} orders × {found.seeds} seeds{p}).{zero}"
    )


def precedence_section(summary: Summary) -> str:
    """Two heat maps, a route each; empty where no pair of tasks came in both sequences."""
    tasks, limit = list(summary["tasks"]), effect_limit(summary)
    found = {route: precedence(summary, route) for route in ROUTES}
    if all(isinstance(effect, Undefined) for effects in found.values() for effect in effects.values()):
        return ""
    maps = "".join(
        f'<div class="map many"><h3>Route {route}</h3>'
        + grid("score of ↓, earlier →", tasks, ((task, _effects(task, tasks, effects, limit)) for task in tasks))
        + "</div>"
        for route, effects in found.items()
    )
    stops = ", ".join(effect_colours(part * limit / 2, limit)[0] for part in (-2, -1, 0, 1, 2))
    scale = (
        f'<div class="scale">−{limit:.1f} harms <i style="background:linear-gradient(90deg, {stops})"></i> '
        f"+{limit:.1f} helps</div>"
    )
    return (
        "<h2>Which task, early or late, helps which?</h2><p>Read a row as the fate of one task: the mean of its final "
        "score over the orders in which the column's task comes earlier, minus that over those in which it comes "
        f"later, in points. * marks a 95 % interval (Welch) without 0. Split test, seed {seeds(summary)}, settings of "
        f'the best trial.</p>{scale}<div class="maps wide">{maps}</div><p class="note">Route own cannot forget: what '
        "it shows is transfer alone. On route latest a task that comes later has less time to be forgotten, which "
        "alone makes its row positive. With many cells some stars are chance: one in twenty where nothing is true.</p>"
    )


def _effects(
    task: str, tasks: list[str], effects: Mapping[tuple[str, str], Precedence | Undefined], limit: float
) -> Iterator[str]:
    for other in tasks:
        effect = effects.get((task, other))
        if effect is None or isinstance(effect, Undefined):
            yield f'<td class="no" title="{escape(effect.reason if effect else "")}"></td>'
            continue
        star = "*" if is_clear(effect) else ""
        text = f"{number(effect.effect, sign=True)}{star}"
        yield coloured(text, effect_colours(effect.effect, limit), _about(effect))


def _about(effect: Precedence) -> str:
    found = effect.interval
    sure = f"{found.low:+.1f} to {found.high:+.1f}" if isinstance(found, Interval) else f"no interval: {found.reason}"
    return f"{effect.other} before {effect.task} in {effect.before} orders, after it in {effect.after}; {sure}"


def alpha_section(summary: Summary) -> str:
    """The combination weights of the best trial, a map a task; empty where the summary has none."""
    found = summary.get("alpha")
    if not found:
        return ""
    low, high = alpha_range(summary)
    stops = ", ".join(cell_colours(low + part * (high - low) / 4, low, high)[0] for part in range(5))
    maps = "".join(_alpha_map(one, low, high) for one in found)
    return (
        "<h2>Which earlier task is reused where?</h2><p>The learnt combination weight α of each adapter at each site, "
        "the mean over records of the task that had just been learnt, by the queries it was learnt with (route own): "
        "1 takes an adapter whole, 0 leaves it out; about 0.5 is what untrained queries give. Best trial, split "
        f'{escape(found[0]["split"])}, seed {found[0]["seed"]}.</p><div class="scale">{low:.2f} '
        f'<i style="background:linear-gradient(90deg, {stops})"></i> {high:.2f}</div>'
        f'<div class="maps wide">{maps}</div>'
    )


def _alpha_map(one: Mapping[str, Any], low: float, high: float) -> str:
    rows = (
        (site_name(site), [coloured(f"{weight:.2f}", cell_colours(weight, low, high)) for weight in weights])
        for site, weights in zip(one["sites"], one["mean"], strict=True)
    )
    return (
        f'<div class="map many"><h3>learning {escape(one["task"])}</h3><p class="note">{one["records"]} records</p>'
        f"{grid('site ↓ adapter →', one['adapters'], rows)}</div>"
    )
