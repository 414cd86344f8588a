from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.forgetting import forgetting_section
from tests.report.conftest import Document, of_trials, typed


def test_the_curves_are_drawn_where_there_is_a_trial(summary: Document) -> None:
    assert render(forgetting_section(typed(summary))).count("<svg") == 2  # one is for phones
    assert "<svg" not in render(forgetting_section(typed(of_trials(summary, []))))
