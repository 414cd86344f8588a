from __future__ import annotations

from typing import Any

from atlas.report.environment import render
from atlas.report.sections.precedence import precedence_section

Summary = dict[str, Any]


def test_the_effects_are_a_map_a_route(summary: Summary) -> None:
    section = precedence_section(summary)
    assert section is not None
    page = render(section)
    assert page.count('class="map many"') == 2
    assert page.count("before ") >= 24  # every cell says on how many orders it stands
    assert "Split test, seed 1" in page


def test_orders_that_never_differ_have_no_effects(summary: Summary) -> None:
    summary["trials"] = summary["trials"][:1]
    assert precedence_section(summary) is None
