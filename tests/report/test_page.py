from __future__ import annotations

import json
import re
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from atlas.report import leaderboard, page_of, render_page, write_page, write_report
from atlas.report.canvas import PHONE
from atlas.report.page import drawn_figures
from tests.report.beyond import with_downstream
from tests.report.conftest import Document, of_trials, typed, with_results

VOID = {"meta", "wbr", "br", "path", "use", "rect", "stop"}
BLOCKS = {"p", "div", "table", "dl", "pre", "details", "section", "h1", "h2", "h3", "svg"}
PARENTS = {
    "tr": {"table", "thead", "tbody"},
    "td": {"tr"},
    "th": {"tr"},
    "dt": {"dl"},
    "dd": {"dl"},
    "summary": {"details"},
}
NAMED = {"id": "sweep", "name": "sweep", "question": "question", "command": "command"}
NASTY = "<script>alert('[red]')</script>&amp;\"$x$"


class Markup(HTMLParser):
    """Fails where a page is not valid: tags that do not nest, ids or attributes twice, a block in a paragraph."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.scripts = 0

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def _check(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.scripts += tag == "script"
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        assert not [name for name in names if name.startswith("on")]
        for own in (value for name, value in attrs if name == "id"):
            assert own
            assert own not in self.ids, f"id {own} twice"
            self.ids.add(own)
        assert not (tag in BLOCKS and "p" in self.open), f"<{tag}> in a paragraph"
        if wanted := PARENTS.get(tag):
            assert self.open[-1] in wanted, f"<{tag}> in <{self.open[-1]}>"


def checked(page: str) -> Markup:
    """The page's parser, once it has read a page that is valid."""
    assert page.startswith("<!doctype html>")
    parser = Markup()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def report(invented: Document, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of a report on `summary`, the page first."""
    return write_report(typed(invented), tmp_path_factory.mktemp("report") / "report")


@pytest.fixture
def page(report: list[Path]) -> str:
    """The page on `summary`."""
    return report[0].read_text()


@pytest.fixture(scope="module")
def whole_report(invented_rich: Document, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of a report on `everything`, the page first."""
    return write_report(typed(with_downstream(deepcopy(invented_rich))), tmp_path_factory.mktemp("whole"))


@pytest.fixture
def whole_page(whole_report: list[Path]) -> str:
    """The page on `everything`."""
    return whole_report[0].read_text()


def test_the_page_is_whole_and_asks_nothing_of_the_network(page: str) -> None:
    checked(page)
    assert not re.findall(r"<(?:link|img|iframe|object)\b", page)
    assert re.findall(r"<script\b[^>]*>", page) == ["<script>"]
    assert not re.findall(r"fetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon", page)
    assert not re.findall(r"(?:src|href)=[\"']?https?:", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_the_page_answers_the_question_with_its_numbers(summary: Document, page: str) -> None:
    best = leaderboard(typed(summary))[0]
    assert summary["sweep"]["question"] in page
    assert summary["sweep"]["command"] in page
    assert f"{best.test:.1f} %" in page
    assert "Sorted and chosen by" in page
    assert "41 of 96" in page
    assert page.count('class="map"') == 2 * 24


def test_the_page_has_a_dark_side_and_fits_a_phone(page: str) -> None:
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport" content="width=device-width' in page


def test_what_people_named_is_escaped(everything: Document, whole_page: str) -> None:
    plain, named = checked(whole_page), checked(render_page(typed(with_nasty_names(everything))))
    assert named.tags == plain.tags
    assert named.scripts == plain.scripts == 1
    words = "".join(named.words)
    for part in ("sweep", "question", "command", "task", "setting", "value", "version"):
        assert f"{part} {NASTY}" in words


def with_nasty_names(summary: Document) -> Document:
    """The summary with names of tasks, settings and the sweep that no template may take for HTML."""
    tasks = {name: f"task {NASTY} {name}" for name in (*summary["tasks"], "pairs")}
    named = json.loads(json.dumps(summary), object_pairs_hook=lambda pairs: {tasks.get(k, k): v for k, v in pairs})
    for row in (*named["trials"], *named["downstream"]):
        row["order"] = [tasks[task] for task in row["order"]]
    for row in named["downstream"]:
        row["task"] = tasks[row["task"]]
    for row in named["alpha"]:
        row |= {"task": tasks[row["task"]], "adapters": [tasks[task] for task in row["adapters"]]}
    for trial in named["trials"]:
        trial |= {"settings": {f"setting {NASTY}": f"value {NASTY} {trial['settings']['rank']}"}}
        trial["id"] = f"trial {NASTY} {trial['id']}"
    for row in (named["best"], *named["alpha"]):
        row["trial"] = f"trial {NASTY} {row['trial']}"
    named["sweep"] |= {key: f"{word} {NASTY}" for key, word in NAMED.items()}
    named["settings"] |= {f"setting {NASTY}": f"value {NASTY}"}
    named["versions"] |= {f"version {NASTY}": f"version {NASTY}"}
    return with_results(named)


def test_many_trials_are_cut_and_the_page_says_so(summary: Document) -> None:
    copies = [{**trial, "id": f"{trial['id']}-{n}", "seed": n} for trial in summary["trials"] for n in (1, 2)]
    page = render_page(typed({**of_trials(summary, copies), "seeds": [1, 2]}))
    assert "<summary>24 more</summary>" in page
    assert "The first 24 of 48 are shown." in page
    assert "<th>Seed</th>" in page


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_a_sweep_with_nothing_finished_still_has_a_page(summary: Document, status: str, tmp_path: Path) -> None:
    begun = [{**trial, "status": status, "R": {}} for trial in summary["trials"][:6]]
    summary = of_trials(summary, begun)
    paths = write_report(typed(summary), tmp_path)
    assert "0 of 24" in paths[0].read_text()
    assert f'badge bad">{status.lower()}' in paths[0].read_text()


def test_a_sweep_that_was_killed_before_any_score_draws_nothing_empty(summary: Document) -> None:
    for trial in summary["trials"]:
        rows = [[None] * len(trial["order"]) for _ in trial["order"]]
        R = {split: dict.fromkeys(routes, rows) for split, routes in trial["R"].items()}
        trial |= {"R": R, "status": "KILLED", "metrics": {}}
    found = typed({**summary, "best": None, "orders": []})
    assert not found.is_scored
    page = render_page(found)
    assert "Does the order matter?" in page
    assert "Every accuracy matrix" not in page
    assert drawn_figures(found).keys() == {"sharing"}


def test_a_sweep_without_a_trial_still_has_a_page(summary: Document, tmp_path: Path) -> None:
    summary |= {"trials": [], "best": None, "orders": []}
    assert [path.name for path in write_report(typed(summary), tmp_path)] == ["report.html", "sharing.png"]


def test_a_page_that_was_drawn_before_the_fusion_weights_came_is_the_same(
    invented_rich: Document, whole_page: str, tmp_path: Path
) -> None:
    whole = with_downstream(deepcopy(invented_rich))
    draft = page_of(typed({**whole, "alpha": []}))
    assert draft.fusion_weights is None
    paths = write_page(typed(whole), tmp_path, draft)
    assert [path.name for path in paths] == ["report.html", "combination-weights.png"]
    assert (tmp_path / "report.html").read_text() == whole_page


def test_a_page_with_everything_is_whole_and_every_section_names_split_and_seeds(whole_page: str) -> None:
    checked(whole_page)
    drawn = (
        "Is the difference",
        "Does the order",
        "Which task",
        "What is forgotten",
        "Which earlier",
        "What does a good",
    )
    for title in drawn:
        section = whole_page[whole_page.index(f"<h2>{title}") :].split("<h2>")[1].lower()
        assert "split" in section
        assert "seed" in section
        assert "route" in section


def test_a_row_its_lines_its_dots_and_its_matrices_share_a_mark(page: str) -> None:
    rows = re.findall(r'<tr[^>]* data-mark="(\w+)"', page)
    lines = re.findall(r'<g data-mark="(\w+)"', page)
    matrices = re.findall(r'<table data-mark="(\w+)"', page)
    assert len(set(rows)) == 24  # an order each
    assert set(lines) == set(matrices) == set(rows)
    assert not re.findall(r'id="[^"]*mark', page)


def test_what_a_sweep_of_settings_draws_is_marked_by_its_settings(invented_settings: Document) -> None:
    page = render_page(typed(invented_settings))
    rows = set(re.findall(r'<tr[^>]* data-mark="(\w+)"', page))
    assert len(rows) == 9
    assert rows <= set(re.findall(r'<g data-mark="(\w+)"', page))


def test_every_drawn_figure_has_a_form_for_a_phone(whole_page: str) -> None:
    assert whole_page.count('<div class="on-wide"><svg') == whole_page.count('<div class="on-narrow"><svg') >= 5
    widths = [float(width) for width in re.findall(r'on-narrow"><svg[^>]*max-width:(\d+)pt;min-width:0pt', whole_page)]
    assert len(widths) == whole_page.count('class="on-narrow"')
    assert max(widths) <= round(72 * PHONE)


def test_a_report_is_a_page_and_its_figures(report: list[Path]) -> None:
    assert [path.name for path in report] == [
        "report.html",
        "sharing.png",
        "accuracy-matrices-latest.png",
        "accuracy-matrices-own.png",
        "forgetting-curves.png",
        "order-sensitivity.png",
        "precedence-effects.png",
        "pareto.png",
    ]
    assert all(path.stat().st_size > 5000 for path in report)
    assert {path.name for path in report[0].parent.iterdir()} == {path.name for path in report}


def test_a_report_with_everything_has_all_figures(whole_report: list[Path]) -> None:
    names = {path.name for path in whole_report}
    assert {"combination-weights.png", "downstream.png", "pareto.png"} <= names
