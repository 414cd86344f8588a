"""The tasks: their references, and their final scores over all orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from atlas.report.formats import number
from atlas.report.summary import Summary
from atlas.report.tables import task_rows
from atlas.report.views import Table, columns

HEADINGS = ("Task", "Modality", "Samples", "Guessing", "Majority")
ALONE = ("Untrained", "Head only", "Alone")
HEADINGS_HERE = ("Here: mean", "worst", "best")


@dataclass(frozen=True, kw_only=True)
class TasksSection:
    """A row a task."""

    template: ClassVar[str] = "tasks.html"

    tasks: Table


def tasks_section(summary: Summary) -> TasksSection:
    """Each task beside its references, on test: zero-shot first, where there is one."""
    found = task_rows(summary)
    zero_shot = any(row.zero_shot is not None for row in found)
    rows = tuple(
        (
            row.name,
            row.modality,
            f"{row.samples:,}",
            *map(number, (row.chance, row.majority, *(row.zero_shot,) * zero_shot)),
            *map(number, (row.untrained, row.head_only, row.single_task)),
            *map(number, (row.mean, row.low, row.high)),
        )
        for row in found
    )
    headings = (*HEADINGS, *("Zero-shot",) * zero_shot, *ALONE, *HEADINGS_HERE)
    return TasksSection(tasks=Table(columns=columns(*headings, left=(0, 1)), rows=rows))
