"""One self-contained HTML page of a sweep: what was asked, what came out, how sure and how much it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from atlas.report import figures
from atlas.report.canvas import cell_colours, inline_svg, save_png
from atlas.report.downstream import downstream_section, few_shot_curves
from atlas.report.effects import alpha_maps, precedence_maps
from atlas.report.html import arrows, duration, number, pairs, seeds, table
from atlas.report.hypotheses import claims_section
from atlas.report.influence import alpha_section, order_section, precedence_section
from atlas.report.leaderboard import OWN, comparison_section, leaderboard_section, pareto_section
from atlas.report.pareto import pareto, points, varying
from atlas.report.style import STYLE
from atlas.report.tables import Row, leaderboard, matrix, task_rows
from atlas.storage.filesystem import write_whole

Summary = Mapping[str, Any]

MAPS_SHOWN = 24


def write_report(summary: Summary, folder: Path) -> list[Path]:
    """`report.html` and the figures as PNG in `folder`; returns their paths, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    write_whole(page, render_page(summary).encode())
    drawn = {"sharing": figures.sharing(summary), **_drawn(summary)}
    return [page, *(save_png(figure, folder / f"{name}.png") for name, figure in drawn.items())]


def _drawn(summary: Summary) -> dict[str, Any]:
    """File name → figure, of those that the summary has the numbers for."""
    if not summary["trials"]:
        return {}
    drawn = {f"accuracy-matrices-{route}": figures.heat_maps(summary, route=route) for route in ("latest", "own")}
    drawn["forgetting-curves"] = figures.forgetting_curves(summary)
    drawn["order-sensitivity"] = figures.order_sensitivity(summary)
    if len(summary["tasks"]) > 1:
        drawn["precedence-effects"] = precedence_maps(summary)
    if varying(points(summary)):
        drawn["pareto"] = pareto(summary)
    if summary.get("alpha"):
        drawn["combination-weights"] = alpha_maps(summary)
    if summary.get("downstream"):
        drawn["downstream"] = few_shot_curves(summary)
    return drawn


def render_page(summary: Summary) -> str:
    """The page as text. It asks nothing of the network."""
    rows = leaderboard(summary)
    sections = [
        _head(summary),
        _tiles(summary, rows),
        leaderboard_section(summary, rows),
        comparison_section(summary),
        claims_section(summary),
        order_section(summary),
        precedence_section(summary),
        _forgetting_section(summary),
        alpha_section(summary),
        pareto_section(summary),
        _matrices(summary, rows),
        downstream_section(summary),
        _tasks(summary),
        _sharing(summary),
        _reproduce(summary),
    ]
    title = escape(summary["sweep"]["name"])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(filter(None, sections))
        + "\n</main></body></html>\n"
    )


def _head(summary: Summary) -> str:
    sweep = summary["sweep"]
    bad = "" if sweep["status"] in ("FINISHED", "RUNNING") else " bad"
    when = sweep["started"][:16].replace("T", " ")
    return (
        f'<p class="note">atlas · sweep <code>{escape(sweep["id"])}</code> · {escape(when)} '
        f'<span class="badge{bad}">{escape(sweep["status"].lower())}</span></p>'
        f'<h1>{escape(sweep["name"])}</h1><p class="lead">{escape(sweep["question"])}</p>'
    )


def _tiles(summary: Summary, rows: Sequence[Row]) -> str:
    plan, ledger = summary["plan"], summary["ledger"]
    finished = sum(row.status == "FINISHED" for row in rows)
    best = next((row for row in rows if row.status == "FINISHED"), None)
    spread = next((one for one in summary["orders"] if (one["split"], one["route"]) == ("test", "latest")), None)
    saved = plan["trainings_without_sharing"] - ledger["steps_trained"]
    tiles = [
        (f"{finished} of {max(plan['trials'], len(rows))}", "trials finished, counting each order and seed"),
        (number(best.test if best else None, " %"), "average accuracy on test of the trial chosen on val"),
        (number(spread["mopd"] if spread else None), "points: the most that the order alone changes one task (MOPD)"),
        (
            f"{saved} of {plan['trainings_without_sharing']}",
            f"trainings not needed, {duration(ledger['seconds_saved'])} saved",
        ),
    ]
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{escape(b)}</b><span>{escape(s)}</span></div>' for b, s in tiles)
        + "</div>"
    )


def _forgetting_section(summary: Summary) -> str:
    svg = inline_svg(figures.forgetting_curves(summary), "forgetting") if summary["trials"] else ""
    return (
        "<h2>What is forgotten, and when?</h2><p>The score of each task from the step at which it was learnt (0) "
        f"onwards, a line an order and seed. Split test, route latest, seed {seeds(summary)}.</p>"
        f'<div class="card">{svg}</div>'
    )


def _matrices(summary: Summary, rows: Sequence[Row]) -> str:
    low, high = figures.score_range(summary)
    stops = ", ".join(cell_colours(low + part * (high - low) / 4, low, high)[0] for part in range(5))
    by_id = {trial["id"]: trial for trial in summary["trials"]}
    shown = [(row, by_id[row.trial]) for row in rows[:MAPS_SHOWN]]
    scale = (
        f'<div class="scale">{low:.0f} % <i style="background:linear-gradient(90deg, {stops})"></i> {high:.0f} %</div>'
    )
    more = f" The first {MAPS_SHOWN} of {len(rows)} are shown." if len(rows) > MAPS_SHOWN else ""
    maps = {
        route: '<div class="maps">' + "".join(_map(row, trial, route, low, high) for row, trial in shown) + "</div>"
        for route in ("latest", "own")
    }
    return (
        "<h2>Every accuracy matrix</h2><p>Read a row as a moment: after learning the task on the left, "
        "the scores of all tasks so far. Read a column downwards as the fate of one task. Split test, in percent."
        f"{more}</p>{scale}"
        f"{maps['latest']}<details><summary>The same on route own ({OWN})</summary>{maps['own']}</details>"
    )


def _map(row: Row, trial: Mapping[str, Any], route: str, low: float, high: float) -> str:
    """A matrix as a table whose cells carry the colours."""
    R = matrix(trial, "test", route)
    head = "".join(f'<th title="{escape(task)}">{place}</th>' for place, task in enumerate(row.order, start=1))
    lines = [
        f'<tr><th class="row">{place} {escape(task)}</th>{"".join(_cell(score, low, high) for score in scores)}</tr>'
        for place, (task, scores) in enumerate(zip(row.order, R, strict=True), start=1)
    ]
    about = f"val {number(row.val)} · test {number(row.test)} · seed {row.seed}"
    return (
        f'<div class="map"><h3>{row.rank}. {arrows(row.order)}</h3><p class="note">{about}</p>'
        f'<table><tr><th class="row">after ↓ on →</th>{head}</tr>{"".join(lines)}</table></div>'
    )


def _cell(score: float, low: float, high: float) -> str:
    if not np.isfinite(score):
        return '<td class="no"></td>'
    inputs, ink = cell_colours(score, low, high)
    return f'<td style="background:{inputs};color:{ink}">{score:.1f}</td>'


def _tasks(summary: Summary) -> str:
    head = [
        "Task",
        "Modality",
        "Samples",
        "Guessing",
        "Majority",
        "Untrained",
        "Head only",
        "Alone",
        "Here: mean",
        "worst",
        "best",
    ]
    body = [
        [
            escape(row.name),
            escape(row.modality),
            f"{row.samples:,}",
            *(number(value) for value in (row.chance, row.majority, row.untrained, row.head_only, row.lone)),
            *(number(value) for value in (row.mean, row.low, row.high)),
        ]
        for row in task_rows(summary)
    ]
    return (
        "<h2>The tasks, and what to compare with</h2><p>Test scores in percent. <i>Majority</i>: always the most "
        "frequent answer. <i>Head only</i>: the frozen backbone with a trained head. <i>Alone</i>: an adapter trained "
        "on this task and nothing else. <i>Here</i>: final scores over all orders.</p>"
        f'<div class="card">{table(head, body, wide={0, 1})}</div>'
    )


def _sharing(summary: Summary) -> str:
    plan, ledger = summary["plan"], summary["ledger"]
    svg = inline_svg(figures.sharing(summary), "sharing")
    return (
        "<h2>What sharing saved</h2><p>Orders that begin alike share their first steps: "
        f"{plan['trainings_without_sharing']} trainings are {plan['distinct_steps']} distinct steps, of which "
        f"{plan.get('in_store', 0)} lay in the store already. {ledger['steps_trained']} were trained in "
        f"{duration(ledger['seconds_trained'])}; {ledger['steps_reused']} uses of a step cost nothing and saved "
        f"{duration(ledger['seconds_saved'])} of training.</p>"
        f'<div class="card">{svg}</div>'
    )


def _reproduce(summary: Summary) -> str:
    counts = {
        name: f"{task['fingerprint'][:16]}… ({_counts(task['counts'])})" for name, task in summary["tasks"].items()
    }
    return (
        f'<h2>To run it again</h2><div class="card"><pre>{escape(summary["sweep"]["command"])}</pre></div>'
        f'<div class="card">{pairs(summary["settings"] | {"seeds": seeds(summary)})}</div>'
        "<details><summary>Versions and data</summary>"
        f'<div class="card">{pairs({**summary["versions"], **counts})}</div></details>'
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in counts.items())
