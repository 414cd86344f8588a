from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from atlas.report import leaderboard, render_page, write_report

Summary = dict[str, Any]
VOID = {"meta", "wbr", "br", "path", "use", "rect", "stop"}


class Balance(HTMLParser):
    """Fails where a tag is closed that was not the last one opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nothing_of_the_network(summary: Summary) -> None:
    page = render_page(summary)
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert not re.findall(r"<(?:script|link|img|iframe|object)\b", page)
    assert not re.findall(r"(?:src|href)=[\"']?https?:", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_the_page_answers_the_question_with_its_numbers(summary: Summary) -> None:
    page = render_page(summary)
    best = leaderboard(summary)[0]
    assert summary["sweep"]["question"] in page
    assert summary["sweep"]["command"] in page
    assert f"{best.test:.1f} %" in page
    assert "Sorted and chosen by" in page
    assert "41 of 96" in page
    assert page.count('class="map"') == 2 * 24


def test_the_page_has_a_dark_side_and_fits_a_phone(summary: Summary) -> None:
    page = render_page(summary)
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport" content="width=device-width' in page


def test_what_people_named_is_escaped(summary: Summary) -> None:
    summary["sweep"] |= {"name": "<script>alert(1)</script>", "question": "a < b & c?"}
    summary["settings"]["<b>"] = "<i>"
    page = render_page(summary)
    assert "<script>" not in page
    assert "a &lt; b &amp; c?" in page
    assert "&lt;b&gt;" in page


def test_many_trials_are_cut_and_the_page_says_so(summary: Summary) -> None:
    copies = [{**trial, "id": f"{trial['id']}-{n}", "seed": n} for trial in summary["trials"] for n in (1, 2)]
    page = render_page({**summary, "trials": copies, "seeds": [1, 2]})
    assert "<summary>24 more</summary>" in page
    assert "The first 24 of 48 are shown." in page
    assert "<th>Seed</th>" in page


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_a_sweep_with_nothing_finished_still_has_a_page(summary: Summary, status: str, tmp_path: Path) -> None:
    for trial in summary["trials"]:
        trial |= {"status": status, "R": {}}
    summary |= {"best": None, "orders": []}
    paths = write_report(summary, tmp_path)
    assert "0 of 24" in paths[0].read_text()
    assert f'badge bad">{status.lower()}' in paths[0].read_text()


def test_a_sweep_without_a_trial_still_has_a_page(summary: Summary, tmp_path: Path) -> None:
    summary |= {"trials": [], "best": None, "orders": []}
    assert [path.name for path in write_report(summary, tmp_path)] == ["report.html", "sharing.png"]


def test_a_page_with_everything_is_whole_and_every_section_names_split_and_seeds(rich: Summary) -> None:
    page = render_page(rich)
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    drawn = (
        "Is the difference",
        "Does the order",
        "Which task",
        "What is forgotten",
        "Which earlier",
        "What does a good",
    )
    for title in drawn:
        section = page[page.index(f"<h2>{title}") :].split("<h2>")[1].lower()
        assert "split" in section
        assert "seed" in section
        assert "route" in section


def test_a_report_is_a_page_and_its_figures(summary: Summary, tmp_path: Path) -> None:
    paths = write_report(summary, tmp_path / "report")
    assert [path.name for path in paths] == [
        "report.html",
        "sharing.png",
        "accuracy-matrices-latest.png",
        "accuracy-matrices-own.png",
        "forgetting-curves.png",
        "order-sensitivity.png",
        "precedence-effects.png",
        "pareto.png",
    ]
    assert all(path.stat().st_size > 5000 for path in paths)
    assert {path.name for path in (tmp_path / "report").iterdir()} == {path.name for path in paths}
