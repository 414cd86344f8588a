from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.downstream import downstream_section
from tests.report.conftest import Document, typed


def test_a_row_a_number_of_shots_and_the_orders_by_val(downstream: Document) -> None:
    section = downstream_section(typed(downstream))
    assert section is not None
    assert [row[:4] for row in section.shots.rows] == [
        ("pairs", "16 records", "25.0", "25.5"),
        ("pairs", "64 records", "25.0", "41.0"),
    ]
    page = render(section)
    assert "Does an order help unseen tasks?" in page
    assert '<tr class="best"><td>1</td><td class="w"><span class="task">digits</span>' in page


def test_a_sweep_without_downstream_tasks_has_no_such_part(summary: Document) -> None:
    assert downstream_section(typed(summary)) is None
