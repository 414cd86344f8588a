from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.precedence import precedence_section
from tests.report.conftest import Document, of_trials, typed


def test_the_effects_are_a_map_a_route(summary: Document) -> None:
    section = precedence_section(typed(summary))
    assert section is not None
    page = render(section)
    assert page.count('class="map many"') == 2
    assert page.count("before ") >= 24  # every cell says on how many orders it stands
    assert "Split test, seed 1" in page


def test_orders_that_never_differ_have_no_effects(summary: Document) -> None:
    summary = of_trials(summary, summary["trials"][:1])
    assert precedence_section(typed(summary)) is None
