"""One self-contained HTML page of a sweep: what was asked, what came out, how sure and how much it cost."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from atlas.report import figures
from atlas.report.downstream import downstream_section, few_shot_curves
from atlas.report.parts import arrows, duration, number, pairs, table
from atlas.report.style import STYLE
from atlas.report.tables import Row, leaderboard, matrix, task_rows

Summary = Mapping[str, Any]

ROWS_SHOWN = MAPS_SHOWN = 24
LATEST = "one model that goes on learning: earlier tasks can be forgotten"
FIGURES_MEANING = (
    "Relative to alone: score over that of an adapter trained on the task alone, averaged. Forgetting: the best "
    "earlier score minus the last, in points, averaged over all but the last task (Chaudhry et al., 2018). Backward "
    "transfer: the last score minus the score when learnt (Lopez-Paz and Ranzato, 2017). –: undefined or not evaluated."
)
OWN = "each task with the adapters it was learnt with: nothing can be forgotten, but the task must be known"


def write_report(summary: Summary, folder: Path) -> list[Path]:
    """`report.html` and the figures as PNG in `folder`; returns their paths, the page first."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    draft = folder / f".report.{uuid.uuid4().hex}"
    draft.write_text(render_page(summary), encoding="utf-8")
    os.replace(draft, page)
    drawn = {"sharing": figures.sharing(summary)}
    if summary["trials"]:
        drawn |= {f"accuracy-matrices-{route}": figures.heat_maps(summary, route=route) for route in ("latest", "own")}
        drawn["forgetting-curves"] = figures.forgetting_curves(summary)
        drawn["order-sensitivity"] = figures.order_sensitivity(summary)
    if summary.get("downstream"):
        drawn["downstream"] = few_shot_curves(summary)
    return [page, *(figures.save_png(figure, folder / f"{name}.png") for name, figure in drawn.items())]


def render_page(summary: Summary) -> str:
    """The page as text. It asks nothing of the network."""
    rows = leaderboard(summary)
    sections = [
        _head(summary),
        _tiles(summary, rows),
        _leaderboard(summary, rows),
        _order_section(summary),
        _forgetting_section(summary),
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
        + "\n".join(sections)
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
        (f"{finished} of {plan['trials']}", "trials finished"),
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


def _leaderboard(summary: Summary, rows: Sequence[Row]) -> str:
    labelled = any(row.settings for row in rows)
    many_seeds = len(summary["seeds"]) > 1
    head = ["", "Order of the tasks", *(["Settings"] if labelled else []), *(["Seed"] if many_seeds else [])]
    wide = {1, 2} if labelled else {1}
    head += ["Val ↓", "Test", "Test, own route", "Relative to alone", "Forgetting", "Backward transfer"]
    body = [
        [
            str(row.rank),
            arrows(row.order)
            + ("" if row.status == "FINISHED" else f' <span class="badge bad">{escape(row.status.lower())}</span>'),
            *([escape(row.settings)] if labelled else []),
            *([str(row.seed)] if many_seeds else []),
            *(number(value) for value in (row.val, row.test, row.test_own)),
            number(row.relative, " %"),
            number(row.forgetting),
            number(row.backward, sign=True),
        ]
        for row in rows
    ]
    first = table(head, body[:ROWS_SHOWN], wide=wide, best=rows[0].status == "FINISHED" if rows else False)
    others = table(head, body[ROWS_SHOWN:], wide=wide)
    rest = f"<details><summary>{len(body) - ROWS_SHOWN} more</summary>{others}</details>"
    return (
        "<h2>Leaderboard</h2><p>Average accuracy over all tasks after the last one, in percent. "
        '<b>Sorted and chosen by <span class="chosen">val</span>; test is only reported</b>, so that the first row '
        f"is no lucky pick. Route <i>latest</i> ({LATEST}) unless it says <i>own</i> ({OWN}).</p>"
        f'<div class="card">{first}{rest if len(body) > ROWS_SHOWN else ""}</div>'
        f'<p class="note">{FIGURES_MEANING}</p>'
    )


def _order_section(summary: Summary) -> str:
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
    svg = figures.inline_svg(figures.order_sensitivity(summary), "order") if summary["trials"] else ""
    return (
        "<h2>Does the order matter?</h2><p>Each line is one order; where lines lie apart, the order alone changed the "
        "score. Final scores under the settings of the best trial, split test, route latest, "
        f"seed {_seeds(summary)}.</p>"
        f'<div class="card">{svg}</div><div class="card">{table(head, body, wide={0, 1})}</div>'
        '<p class="note">Order-normalised performance disparity: the best minus the worst final score of a task over '
        "all orders, in points (Yoon et al., 2020). Seeds are averaged first.</p>"
    )


def _forgetting_section(summary: Summary) -> str:
    svg = figures.inline_svg(figures.forgetting_curves(summary), "forgetting") if summary["trials"] else ""
    return (
        "<h2>What is forgotten, and when?</h2><p>The score of each task from the step at which it was learnt (0) "
        f'onwards, a line an order. Split test, route latest, seed {_seeds(summary)}.</p><div class="card">{svg}</div>'
    )


def _matrices(summary: Summary, rows: Sequence[Row]) -> str:
    low, high = figures.score_range(summary)
    stops = ", ".join(figures.cell_colours(low + part * (high - low) / 4, low, high)[0] for part in range(5))
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
    ground, ink = figures.cell_colours(score, low, high)
    return f'<td style="background:{ground};color:{ink}">{score:.1f}</td>'


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
    svg = figures.inline_svg(figures.sharing(summary), "sharing")
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
        f'<div class="card">{pairs(summary["settings"] | {"seeds": _seeds(summary)})}</div>'
        "<details><summary>Versions and data</summary>"
        f'<div class="card">{pairs({**summary["versions"], **counts})}</div></details>'
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count:,}" for split, count in counts.items())


def _seeds(summary: Summary) -> str:
    return ", ".join(map(str, summary["seeds"]))
