from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from markupsafe import Markup

from atlas.report.environment import TEMPLATES, environment, render
from atlas.report.page import page_of
from atlas.report.views import Cell, Matrix, MatrixCell, MatrixRow, Panel, Scale, Table, columns
from tests.report.conftest import Document, typed


def macro(name: str, value: object) -> str:
    """The HTML of a macro, without the whitespace between tags."""
    found = environment().from_string(f'{{% import "macros.html" as m %}}{{{{ m.{name}(value) }}}}').render(value=value)
    return "".join(line.strip() for line in found.splitlines())


def test_what_is_no_markup_is_escaped() -> None:
    assert macro("order", ("<b>", "c")) == (
        '<span class="task">&lt;b&gt;</span><span class="arrow">→</span><wbr><span class="task">c</span>'
    )
    assert "<dt>a</dt><dd>&lt;i&gt;</dd>" in macro("pairs", (("a", "<i>"),))
    assert macro("figure", Markup("<svg></svg>")) == '<div class="card"><svg></svg></div>'


def test_words_stand_left_and_the_best_row_is_marked() -> None:
    made = macro("table", Table(columns=columns("Task", "Score", left=(0,)), rows=(("a", "1"), ("b", "2")), best=True))
    assert '<th class="w">Task</th><th>Score</th>' in made
    assert made.count('class="best"') == 1
    assert made.index('class="best"') < made.index(">a<")


def test_rows_after_the_limit_are_behind_a_click() -> None:
    made = macro("table", Table(columns=columns("Task"), rows=(("a",), ("b",), ("c",)), best=True, limit=1))
    shown, folded = made.split("<details><summary>2 more</summary>")
    assert ">a<" in shown
    assert ">b<" in folded
    assert 'class="best"' not in folded


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("a <", "a &lt;"),
        (Cell(text="a <"), "a &lt;"),
        (Cell(text="–", title='say "why"'), '<span title="say &#34;why&#34;">–</span>'),
        (Cell(text="holds", form="strong"), "<b>holds</b>"),
        (Cell(text="It does", form="sentence"), '<div class="sentence">It does</div>'),
        (Cell(order=("a",), badge="failed"), '<span class="task">a</span> <span class="badge bad">failed</span>'),
    ],
)
def test_a_cell_is_drawn_by_its_form(cell: Cell | str, shown: str) -> None:
    assert macro("cell", cell) == shown


def test_a_matrix_names_rows_and_columns_and_escapes_them() -> None:
    cell = MatrixCell(text="1 <", colours=("#000000", "#ffffff"), title='say "so"')
    matrix = Matrix(corner="a <", columns=("<x>",), rows=(MatrixRow(name="<y>", cells=(cell,)),))
    made = macro("panel", Panel(heading="<h>", matrix=matrix))
    assert "<h3>&lt;h&gt;</h3>" in made
    assert '<th class="row">a &lt;</th>' in made
    assert "<span>&lt;x&gt;</span>" in made
    assert 'title="&lt;y&gt;"' in made
    assert 'style="background:#000000;color:#ffffff" title="say &#34;so&#34;">1 &lt;</td>' in made
    assert macro("matrix_cell", MatrixCell(title="none")) == '<td class="no" title="none"></td>'


def test_a_scale_goes_from_its_low_end_to_its_high_end() -> None:
    made = macro("scale", Scale(low="0 %", high="9 %", stops=("#000000", "#ffffff")))
    assert made.startswith('<div class="scale">0 % <i style="background:linear-gradient(90deg, #000000, #ffffff)">')
    assert made.endswith("</i> 9 %</div>")


def test_a_section_that_lacks_what_its_template_shows_is_an_error() -> None:
    @dataclass(frozen=True)
    class Bare:
        template: ClassVar[str] = "rerun.html"

    @dataclass(frozen=True)
    class Lost:
        template: ClassVar[str] = "lost.html"

    with pytest.raises(UndefinedError, match="use"):
        render(Bare())
    with pytest.raises(TemplateNotFound):
        render(Lost())


def test_every_template_belongs_to_a_section(everything: Document) -> None:
    used = {section.template for section in page_of(typed(everything)).sections}
    assert {path.name for path in TEMPLATES.iterdir()} == used | {"page.html", "macros.html", "style.css", "page.js"}
