from __future__ import annotations

from typing import Any

from atlas.report.influence import alpha_section, order_section, precedence_section

Summary = dict[str, Any]


def test_order_and_luck_are_told_apart_in_a_sentence(rich: Summary) -> None:
    page = order_section(rich)
    assert page.count("% is due to the order") == 2
    assert "6 orders × 3 seeds" in page


def test_with_one_seed_the_sentence_says_why_it_cannot(summary: Summary) -> None:
    assert "undefined, because it takes two orders and two seeds" in order_section(summary)


def test_the_effects_are_a_map_a_route(summary: Summary) -> None:
    page = precedence_section(summary)
    assert page.count('class="map many"') == 2
    assert page.count("before ") >= 24  # every cell says on how many orders it stands
    assert "Split test, seed 1" in page


def test_orders_that_never_differ_have_no_effects(summary: Summary) -> None:
    summary["trials"] = summary["trials"][:1]
    assert precedence_section(summary) == ""


def test_weights_are_shown_where_the_summary_has_them(rich: Summary, summary: Summary) -> None:
    assert alpha_section(summary) == ""
    page = alpha_section(rich)
    assert page.count('class="map many"') == 4
    assert "learning digits" in page
    assert "layer 4 attention" in page
