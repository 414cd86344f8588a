from __future__ import annotations

import pytest

from atlas.report import leaderboard
from atlas.report.environment import render
from atlas.report.sections.header import HeaderSection, header_section
from atlas.report.settings import best_label
from atlas.report.tables import settings_label
from tests.report.conftest import Document, typed


def section_of(summary: Document) -> HeaderSection:
    return header_section(typed(summary), leaderboard(typed(summary)))


def test_the_answer_is_four_numbers(summary: Document) -> None:
    best, spread = leaderboard(typed(summary))[0].test, summary["orders"][2]["mopd"]
    assert [tile.figure for tile in section_of(summary).tiles] == [
        "24 of 24",
        f"{best:.1f} %",
        f"{spread:.1f}",
        "41 of 96",
    ]


def test_what_there_is_no_number_for_is_a_dash(summary: Document) -> None:
    empty = section_of({**summary, "trials": [], "orders": [], "best": None})
    assert [tile.figure for tile in empty.tiles] == ["0 of 24", "–", "–", "41 of 96"]


@pytest.mark.parametrize(("status", "classes"), [("FINISHED", "badge"), ("RUNNING", "badge"), ("KILLED", "badge bad")])
def test_a_sweep_that_was_stopped_has_a_warning_badge(summary: Document, status: str, classes: str) -> None:
    summary["sweep"]["status"] = status
    page = render(section_of(summary))
    assert f'<span class="{classes}">{status.lower()}</span>' in page
    assert "2025-11-22 14:03" in page


def test_the_spread_is_that_of_the_best_setting(tuned: Document) -> None:
    label = best_label(typed(tuned))
    (wanted,) = [
        one.mopd
        for one in typed(tuned).orders
        if (one.split, one.route) == ("test", "latest") and settings_label(one.settings) == label
    ]
    assert section_of(tuned).tiles[2].figure == f"{wanted:.1f}"


def test_the_head_names_the_backbone(summary: Document) -> None:
    for backbone, named in (("vlm-tiny", "vlm-tiny"), ("/models/llava-7b", "llava-7b"), ("", "")):
        section = section_of({**summary, "settings": {**summary["settings"], "backbone": backbone}})
        assert section.backbone == named
        assert (f" · {named} · " in render(section)) is bool(named)


def test_the_head_names_the_learner_unless_trials_have_their_own(summary: Document) -> None:
    summary["best"]["learner"] = {"name": "ewc"}
    assert " · ewc · " in render(section_of(summary))
    for trial in summary["trials"]:
        trial["settings"] = {"learner": "ewc"}
    assert section_of(summary).learner == ""
