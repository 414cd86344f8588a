from __future__ import annotations

from atlas.report.environment import render
from atlas.report.sections.orders import orders_section
from tests.report.conftest import Document, of_trials, typed


def test_order_and_luck_are_told_apart_in_a_sentence(rich: Document) -> None:
    page = render(orders_section(typed(rich)))
    assert page.count("% is due to the order") == 2
    assert "6 orders × 3 seeds" in page


def test_with_one_seed_the_sentence_says_why_it_cannot(summary: Document) -> None:
    assert "undefined, because it takes two orders and two seeds" in render(orders_section(typed(summary)))


def test_without_variance_there_is_nothing_to_share_out(rich: Document) -> None:
    for trial in rich["trials"]:
        trial["R"] = {split: {route: [[50.0] * 4] * 4 for route in ("latest", "own")} for split in ("val", "test")}
    assert "all 6 orders and 3 seeds give the same average accuracy." in render(orders_section(typed(rich)))


def test_without_a_trial_there_is_no_figure(summary: Document) -> None:
    section = orders_section(typed(of_trials(summary, [])))
    assert section.figure is None
    assert "<svg" not in render(section)
