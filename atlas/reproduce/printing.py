"""Terminal output of a reproduction: the recorded run and the differences before it, every group of scores after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from atlas.report.summary import BACKBONE_DIGEST
from atlas.reproduce.comparison import Compared
from atlas.reproduce.tolerance import Tolerance
from atlas.runtime.console import add_columns, add_row, make_table, say, show
from atlas.runtime.redact import redacted
from atlas.runtime.text import counted

if TYPE_CHECKING:
    from rich.console import Console

    from atlas.reproduce.plan import ReproductionPlan

DIGITS = 12
SHOWN = 60


def print_run(console: Console, plan: ReproductionPlan) -> None:
    """Command, settings, versions, fingerprints, the differences found, and the tolerance."""
    recorded, replay = plan.recorded, plan.replay
    say(console, f"Reproduce {recorded.name}", style="bold")
    for label, value in _facts(plan).items():
        say(console, f"{label}: {value}")
    _print_differences(console, plan)
    if any(rows[0].settings for rows in recorded.groups):
        say(console, "Its trials take the recorded settings; nothing is searched, as the replayed command alone would.")
    say(console, f"replayed command: {replay.invocation.command}")
    say(console, f"tolerance: {plan.tolerance.points:g} points ({plan.tolerance.reason})")


def _facts(plan: ReproductionPlan) -> dict[str, str]:
    recorded, summary = plan.recorded, plan.recorded.summary
    settings = {
        name: value for name, value in summary.settings.items() if name != BACKBONE_DIGEST and value not in (None, "")
    }
    data = {
        f"data of {task}": f"{digest[:DIGITS]} ({_reused(plan, task)})"
        for task, digest in recorded.fingerprints.items()
    }
    left = f" ({recorded.left_out} more took no step and are left out)" if recorded.left_out else ""
    return {
        "recorded command": redacted(summary.sweep.command),
        "when, how it ended": f"{summary.sweep.started}, {summary.sweep.status}",
        "settings": ", ".join(f"{name}={_plain(value)}" for name, value in settings.items()),
        "versions": ", ".join(f"{name} {value}" for name, value in summary.versions.items()),
        "backbone": f"{recorded.options.training.backbone} {summary.backbone_digest[:DIGITS]}",
        **data,
        "trials": f"{len(recorded.groups)}, {counted(sum(map(len, recorded.groups)), 'walk')}{left}",
        "seeds": ", ".join(map(str, summary.seeds)),
        "precision": plan.replay.experiment.precision,
    }


def _reused(plan: ReproductionPlan, task: str) -> str:
    folder = plan.reusable_data.get(task)
    return f"reused from {folder}" if folder else "nowhere here with this fingerprint: to be prepared"


def _plain(value: JsonValue) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_differences(console: Console, plan: ReproductionPlan) -> None:
    if not plan.found:
        say(console, "Nothing that was recorded differs here.")
        return
    table = make_table("What differs here")
    add_columns(table, "", "recorded", "here", "so that", fold=True)
    told = {"refused": "it is refused", "inexact": "last bits may differ", "told": "it is only told"}
    for one in plan.found:
        add_row(table, one.what, one.recorded, one.here, told[one.weight])
    show(console, table)


def print_comparison(console: Console, compared: Sequence[Compared], tolerance: Tolerance, *, equal: bool) -> None:
    """A line for every group of scores, the largest differences first, and the outcome."""
    table = make_table("Recorded and reproduced scores, in points")
    add_columns(table, "order, reference or probe", fold=True)
    add_columns(table, "split", "route")
    add_columns(table, "largest |difference|", "scores", "missing", justify="right")
    rows = sorted(compared, key=_badness, reverse=True)
    for one in rows[:SHOWN]:
        apart = "–" if one.difference is None else f"{one.difference:.4g}"
        style = "" if one.is_equal(tolerance.points) else "red"
        add_row(table, one.what, one.split, one.route, apart, str(one.scores), str(one.missing), style=style)
    show(console, table)
    if len(rows) > SHOWN:
        say(console, f"… and {len(rows) - SHOWN} more in the report")
    wrong = sum(not one.is_equal(tolerance.points) for one in compared)
    said = "equal" if equal else f"DIFFERENT in {wrong} of {counted(len(compared), 'group')}"
    say(console, f"{said} (tolerance {tolerance.points:g} points)", style="green" if equal else "red")


def _badness(one: Compared) -> tuple[bool, float]:
    return one.missing > 0, one.difference or 0.0
