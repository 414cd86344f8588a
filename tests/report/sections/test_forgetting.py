from __future__ import annotations

from typing import Any

from atlas.report.environment import render
from atlas.report.sections.forgetting import forgetting_section

Summary = dict[str, Any]


def test_the_curves_are_drawn_where_there_is_a_trial(summary: Summary) -> None:
    assert render(forgetting_section(summary)).count("<svg") == 1
    assert "<svg" not in render(forgetting_section({**summary, "trials": []}))
