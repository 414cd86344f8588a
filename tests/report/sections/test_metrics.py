from __future__ import annotations

from atlas.metrics import METRICS
from atlas.report import leaderboard, trial_metrics
from atlas.report.environment import render
from atlas.report.sections.metrics import MetricsSection, metrics_section
from atlas.report.views import Cell
from tests.report.beyond import scored_beyond
from tests.report.conftest import Document, typed


def section_of(summary: Document) -> MetricsSection:
    section = metrics_section(typed(summary), leaderboard(typed(summary)))
    assert section is not None
    return section


def test_every_metric_of_the_registry_has_a_row_a_route_and_a_definition(summary: Document) -> None:
    section = section_of(summary)
    assert [row[:2] for row in section.values.rows] == [
        (metric.title, route) for metric in METRICS.values() for route in metric.routes if route != "free"
    ]
    page = render(section)
    for metric in METRICS.values():
        assert f"<dt>{metric.title}</dt>" in page


def test_route_free_has_its_rows_where_it_was_scored(summary: Document) -> None:
    free = scored_beyond(summary)
    assert ["MTIL Transfer", "free", "44.0 %"] in [list(row[:3]) for row in section_of(free).values.rows]


def test_worst_and_best_are_by_the_metrics_direction(summary: Document) -> None:
    read = typed(summary)
    found = [trial_metrics(read, trial, "test")["latest/forgetting"] for trial in read.trials]
    values = [value for value in found if value is not None]
    (row,) = (row for row in section_of(summary).values.rows if row[:2] == ("Forgetting", "latest"))
    assert row[-2:] == (f"+{max(values):.1f}", f"+{min(values):.1f}")


def test_a_metric_without_a_value_says_why(summary: Document) -> None:
    (row,) = (row for row in section_of(summary).values.rows if row[0] == "Intransigence")
    assert row[2] == Cell(text="–", title="no joint model was trained on the tasks up to each one")
    assert row[3:] == ("–", "–", "–")


def test_without_a_finished_trial_there_is_nothing_to_show(summary: Document) -> None:
    for trial in summary["trials"]:
        trial["status"] = "FAILED"
    assert metrics_section(typed(summary), leaderboard(typed(summary))) is None
