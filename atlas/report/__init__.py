"""Reports of a sweep: `summary.json`, tables, figures and one self-contained page."""

from __future__ import annotations

from atlas.metrics.order_metrics import order_metrics
from atlas.report.downstream import BARE, order_rows, shot_rows
from atlas.report.hypotheses import Claim, claims, said
from atlas.report.page import render_page, write_report
from atlas.report.summary import SCHEMA, read_summary, validate, write_summary
from atlas.report.tables import Row, TaskRow, leaderboard, order_statistics, settings_label, task_rows, trial_metrics

__all__ = [
    "BARE",
    "Claim",
    "SCHEMA",
    "Row",
    "TaskRow",
    "claims",
    "leaderboard",
    "settings_label",
    "order_metrics",
    "order_rows",
    "order_statistics",
    "read_summary",
    "render_page",
    "said",
    "shot_rows",
    "task_rows",
    "trial_metrics",
    "validate",
    "write_report",
    "write_summary",
]
