from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.fusion_weights import fusion_weights_section
from tests.report.conftest import Document, typed


def test_weights_are_shown_where_the_summary_has_them(rich: Document, summary: Document) -> None:
    assert fusion_weights_section(typed(summary)) is None
    section = fusion_weights_section(typed(rich))
    assert section is not None
    page = render(section)
    assert page.count('class="map many"') == 4
    assert "learning digits" in page
    assert "layer 4 attention" in page
    assert "about 0.5 is what untrained queries give." in page


def test_normalised_weights_are_not_read_as_cosines(rich: Document) -> None:
    for one in rich["alpha"]:
        one["mean"] = [[weight / sum(weights) for weight in weights] for weights in one["mean"]]
    section = fusion_weights_section(typed(rich))
    assert section is not None
    page = render(section)
    assert "a site's weights sum to 1, and untrained queries give every adapter the same." in page
    assert "about 0.5" not in page
