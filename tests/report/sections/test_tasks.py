from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.tasks import tasks_section
from tests.report.conftest import Document, typed


def test_a_row_a_task_beside_its_references(summary: Document) -> None:
    section = tasks_section(typed(summary))
    assert section.tasks.rows[0][:8] == (
        *("easy-vqa", "vision-language", "4,000"),
        *("7.7", "9.6", "7.7", "71.0", "88.0"),
    )
    assert '<td class="w">sentiment</td>' in render(section)
