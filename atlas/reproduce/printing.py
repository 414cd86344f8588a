"""Terminal output of a reproduction: the recorded run and the differences before it, every group of scores after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from atlas.report.summary import BACKBONE_DIGEST
from atlas.reproduce.comparison import Compared
from atlas.reproduce.tolerance import Tolerance
from atlas.runtime.redact import redacted

if TYPE_CHECKING:
    from rich.console import Console

    from atlas.reproduce.plan import ReproductionPlan

DIGITS = 12
SHOWN = 60


def print_run(console: Console, plan: ReproductionPlan) -> None:
    """Command, settings, versions, fingerprints, the differences found, and the tolerance."""
    recorded, replay = plan.recorded, plan.replay
    console.print(f"Reproduce {recorded.name}", style="bold", highlight=False)
    for label, value in _facts(plan).items():
        console.print(f"{label}: {value}", highlight=False, soft_wrap=True, markup=False)
    _print_differences(console, plan)
    if any(rows[0].settings for rows in recorded.groups):
        console.print(
            "Its trials take the recorded settings; nothing is searched, as the replayed command alone would."
        )
    console.print(f"replayed command: {replay.invocation.command}", highlight=False, soft_wrap=True)
    console.print(
        f"tolerance: {plan.tolerance.points:g} points ({plan.tolerance.reason})",
        highlight=False,
        soft_wrap=True,
    )


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
        "backbone": f"{recorded.options.training.backbone} {recorded.step_inputs.backbone[:DIGITS]}",
        **data,
        "trials": f"{len(recorded.groups)}, {sum(map(len, recorded.groups))} walks{left}",
        "seeds": ", ".join(map(str, summary.seeds)),
        "precision": plan.replay.experiment.precision,
    }


def _reused(plan: ReproductionPlan, task: str) -> str:
    folder = plan.reusable_data.get(task)
    return f"reused from {folder}" if folder else "nowhere here with this fingerprint: to be prepared"


def _plain(value: JsonValue) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_differences(console: Console, plan: ReproductionPlan) -> None:
    from rich.table import Table

    if not plan.found:
        console.print("Nothing that was recorded differs here.")
        return
    table = Table(title="What differs here", title_justify="left")
    for heading in ("", "recorded", "here", "so that"):
        table.add_column(heading, overflow="fold")
    told = {"refused": "it is refused", "inexact": "last bits may differ", "told": "it is only told"}
    for one in plan.found:
        table.add_row(one.what, one.recorded, one.here, told[one.weight])
    console.print(table)


def print_comparison(console: Console, compared: Sequence[Compared], tolerance: Tolerance, *, equal: bool) -> None:
    """A line for every group of scores, the largest differences first, and the outcome."""
    from rich.table import Table

    table = Table(title="Recorded and reproduced scores, in points", title_justify="left")
    table.add_column("order, reference or probe", overflow="fold")
    for heading in ("split", "route"):
        table.add_column(heading)
    for heading in ("largest |difference|", "scores", "missing"):
        table.add_column(heading, justify="right")
    rows = sorted(compared, key=_badness, reverse=True)
    for one in rows[:SHOWN]:
        apart = "–" if one.difference is None else f"{one.difference:.4g}"
        style = None if one.is_equal(tolerance.points) else "red"
        table.add_row(one.what, one.split, one.route, apart, str(one.scores), str(one.missing), style=style)
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"… and {len(rows) - SHOWN} more in the report")
    wrong = sum(not one.is_equal(tolerance.points) for one in compared)
    said = "equal" if equal else f"DIFFERENT in {wrong} of {len(compared)} groups"
    console.print(f"{said} (tolerance {tolerance.points:g} points)", style="green" if equal else "red", highlight=False)


def _badness(one: Compared) -> tuple[bool, float]:
    return one.missing > 0, one.difference or 0.0
