from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.sharing import sharing_section
from tests.report.conftest import Document, typed


def test_the_steps_are_counted_in_a_sentence_and_drawn(summary: Document) -> None:
    page = render(sharing_section(typed(summary)))
    assert "96 trainings are 64 distinct steps, of which 9 lay in the store already." in page
    assert "55 were trained in 25 min 02 s;" in page
    assert "41 uses of a step cost nothing and saved 18 min 40 s of training" in page
    assert "<svg" in page


def test_where_all_trainings_were_recorded_they_are_what_is_counted(summary: Document) -> None:
    summary["ledger"] |= {"trainings": 100, "trained": 50, "found": 6, "kept": 4}
    page = render(sharing_section(typed(summary)))
    assert (
        "100 trainings without sharing: 50 trained now, 6 found in the store, 4 kept from before the interruption, "
        "40 shared within the sweep. That saved 18 min 40 s of training."
    ) in page
