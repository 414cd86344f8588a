"""Reports of a sweep: `summary.json`, tables, figures and one self-contained page."""

from __future__ import annotations

from atlas.report.canvas import load_drawing
from atlas.report.downstream import downstream_orders, shot_rows
from atlas.report.hypotheses import PaperHypothesis, paper_hypotheses, verdict_text
from atlas.report.page import Page, page_of, render_page, write_figures, write_page, write_report
from atlas.report.summary import BARE, SCHEMA, Summary, read_summary, write_summary
from atlas.report.tables import Row, TaskRow, leaderboard, order_statistics, settings_label, task_rows, trial_metrics

__all__ = [
    "BARE",
    "SCHEMA",
    "Page",
    "PaperHypothesis",
    "Row",
    "Summary",
    "TaskRow",
    "downstream_orders",
    "leaderboard",
    "load_drawing",
    "order_statistics",
    "page_of",
    "paper_hypotheses",
    "read_summary",
    "render_page",
    "settings_label",
    "shot_rows",
    "task_rows",
    "trial_metrics",
    "verdict_text",
    "write_figures",
    "write_page",
    "write_report",
    "write_summary",
]
