from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.costs import costs_section
from tests.report.conftest import Document, of_trials, typed


def test_costs_are_a_figure_and_a_table(rich: Document) -> None:
    section = costs_section(typed(rich))
    assert section is not None
    page = render(section)
    assert "<svg" in page
    assert "Stored parameters (thousands)" in page
    assert "rank 8" in page
    assert f"{len(section.front.rows)} of 2." in page


def test_costs_that_do_not_differ_are_not_shown(summary: Document) -> None:
    summary = of_trials(summary, summary["trials"][:1])
    assert costs_section(typed(summary)) is None
