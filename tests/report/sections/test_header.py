from __future__ import annotations

from typing import Any

import pytest

from atlas.report import leaderboard
from atlas.report.environment import render
from atlas.report.sections.header import HeaderSection, header_section

Summary = dict[str, Any]


def section_of(summary: Summary) -> HeaderSection:
    return header_section(summary, leaderboard(summary))


def test_the_answer_is_four_numbers(summary: Summary) -> None:
    best, spread = leaderboard(summary)[0].test, summary["orders"][2]["mopd"]
    assert [tile.figure for tile in section_of(summary).tiles] == [
        "24 of 24",
        f"{best:.1f} %",
        f"{spread:.1f}",
        "41 of 96",
    ]


def test_what_there_is_no_number_for_is_a_dash(summary: Summary) -> None:
    empty = section_of({**summary, "trials": [], "orders": [], "best": None})
    assert [tile.figure for tile in empty.tiles] == ["0 of 24", "–", "–", "41 of 96"]


@pytest.mark.parametrize(("status", "classes"), [("FINISHED", "badge"), ("RUNNING", "badge"), ("KILLED", "badge bad")])
def test_a_sweep_that_was_stopped_has_a_warning_badge(summary: Summary, status: str, classes: str) -> None:
    summary["sweep"]["status"] = status
    page = render(section_of(summary))
    assert f'<span class="{classes}">{status.lower()}</span>' in page
    assert "2025-11-22 14:03" in page
