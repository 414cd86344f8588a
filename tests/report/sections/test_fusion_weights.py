from __future__ import annotations

from typing import Any

from atlas.report.environment import render
from atlas.report.sections.fusion_weights import fusion_weights_section

Summary = dict[str, Any]


def test_weights_are_shown_where_the_summary_has_them(rich: Summary, summary: Summary) -> None:
    assert fusion_weights_section(summary) is None
    section = fusion_weights_section(rich)
    assert section is not None
    page = render(section)
    assert page.count('class="map many"') == 4
    assert "learning digits" in page
    assert "layer 4 attention" in page
