from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from atlas.report import render_page, settings_figures, write_report
from atlas.report.canvas import BEST
from atlas.report.environment import render
from atlas.report.parameters import varying_parameters
from atlas.report.sections.settings import settings_section
from atlas.report.settings import setting_rows, value_text
from tests.report.conftest import Document, of_trials, settings_summary, typed
from tests.report.test_page import checked


def test_a_row_a_setting_and_a_column_a_parameter(tuned: Document) -> None:
    section = settings_section(typed(tuned))
    assert section is not None
    headings = [column.heading for column in section.settings.columns]
    assert {"normalisation", "rank", "past weight", "Val ↓", "Worst order", "Spread", "To the best"} <= set(headings)
    assert len(section.settings.rows) == 9
    assert len(section.importances.rows) == 6


def test_it_says_ties_and_what_would_decide(tuned: Document) -> None:
    page = render(settings_section(typed(tuned)))
    assert ", tied" in page
    assert "To decide: <code>--seeds 0 1 2</code>" in page


def test_two_orders_are_values_and_three_an_interval(tuned: Document) -> None:
    def over(document: Document) -> str:
        section = settings_section(typed(document))
        assert section is not None
        place = [column.heading for column in section.settings.columns].index("Over orders")
        return str(section.settings.rows[0][place])

    assert ", " in over(tuned)
    assert " to " in over(settings_summary(orders=3))


def test_few_settings_explain_nothing(tuned: Document) -> None:
    few = settings_section(typed(of_trials(tuned, tuned["trials"][:8])))
    many = settings_section(typed(tuned))
    assert few is not None
    assert many is not None
    assert {row[1].text for row in few.importances.rows if not isinstance(row[1], str)} == {"–"}
    assert str(many.importances.rows[0][1]).endswith(" %")


def test_a_sweep_of_orders_has_no_such_section(summary: Document) -> None:
    assert settings_section(typed(summary)) is None


def test_the_page_and_its_pictures_are_whole(tuned: Document, tmp_path: Path) -> None:
    page = render_page(typed(tuned))
    checked(page)
    assert page.index("The settings</h2>") < page.index("Every walk of every setting")
    names = {path.name for path in write_report(typed(tuned), tmp_path)}
    assert {"slices.png", "parallel-coordinates.png", "contour.png"} <= names


@pytest.mark.parametrize("kept", [("s0", "s1"), ("s4", "s5"), ("s0", "s3")])
def test_few_settings_draw(tuned: Document, kept: tuple[str, ...]) -> None:
    section = settings_section(typed(of_trials(tuned, [one for one in tuned["trials"] if one["id"][:2] in kept])))
    assert section is not None
    assert "<svg" in render(section)


def continuous(tuned: Document, count: int = 9) -> Document:
    """A sweep of so many settings, each with a learning rate of several magnitudes and a weight of its own."""
    trials = tuned["trials"][::2][:count]
    for trial, (x, y) in zip(trials, product((1e-5, 2e-4, 3e-3), (0.2, 0.5, 0.9)), strict=False):
        trial["settings"] = {"learning_rate": x * (1 + y), "weight": y + x}
    return of_trials(tuned, trials)


@pytest.mark.parametrize("count", [9, 7])
def test_two_continuous_parameters_draw_a_surface(tuned: Document, count: int) -> None:
    summary = typed(continuous(tuned, count))
    rows = setting_rows(summary)
    pair = settings_figures.contour_pair(varying_parameters(rows))
    assert pair is not None
    figure = settings_figures.contour(summary, rows, *pair)
    assert "log" in (figure.axes[0].get_xscale(), figure.axes[0].get_yscale())
    (best,) = (line for line in figure.axes[0].lines if line.get_color() == BEST)
    assert {float(best.get_xdata()[0]), float(best.get_ydata()[0])} == set(rows[0].values.values())


def test_continuous_parameters_have_a_dot_a_setting_at_its_value(tuned: Document) -> None:
    summary = typed(continuous(tuned))
    rows = setting_rows(summary)
    parameters = varying_parameters(rows)
    figure = settings_figures.slices(summary, rows, parameters)
    for axes, parameter in zip(figure.axes, parameters, strict=False):
        assert axes.get_xscale() == ("log" if parameter.name == "learning_rate" else "linear")
        dots = {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "o"}
        assert dots == set(parameter.values.values())


def test_a_continuous_parameter_has_its_least_and_greatest_value_beside_its_axis(tuned: Document) -> None:
    summary = typed(continuous(tuned))
    rows = setting_rows(summary)
    parameters = varying_parameters(rows)
    figure = settings_figures.parallel_coordinates(summary, rows, parameters)
    said = {text.get_text() for text in figure.axes[0].texts}
    assert {value_text(1e-5 * 1.2), "0.0057", "0.2", "0.903"} <= said
    heights = {float(line.get_ydata()[0]) for line in figure.axes[0].lines}
    assert (min(heights), max(heights), len(heights)) == (0.0, 1.0, 9)
