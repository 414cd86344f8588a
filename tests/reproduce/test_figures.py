from __future__ import annotations

from typing import Any

from atlas.reproduce.figures import figures_of
from tests.report.conftest import invented_summary, typed


def test_every_figure_says_what_it_is() -> None:
    figures = figures_of(typed(invented_summary(6)))
    assert {one.figure for one in figures} >= {"average_accuracy", "forgetting", "aopd", "mopd", "lone", "mean"}
    for one in figures:
        assert one.split == "test"
        assert one.definition
        assert one.figure == "chance" or (one.route in ("latest", "own") and one.seeds == (1,))


def test_figures_follow_from_the_matrices_alone(summary: dict[str, Any]) -> None:
    row = summary["trials"][0]
    row["R"]["test"]["latest"] = [[90.0, None], [70.0, 60.0]]
    row["metrics"] = {"test/latest/average_accuracy": 99.0}
    of = [one for one in figures_of(typed(summary)) if one.order == tuple(row["order"])]
    values = {(one.figure, one.route): one.value for one in of}
    assert values["average_accuracy", "latest"] == 65.0
    assert values["forgetting", "latest"] == 20.0
    assert values["backward_transfer", "latest"] == -20.0


def test_probes_are_published_too(summary: dict[str, Any]) -> None:
    probe = {"trial": "M_0", "order": [], "seed": 0, "task": "vcr-twin", "way": "head", "shots": "64 records"}
    summary["downstream"] = [{**probe, "val": 1.0, "test": 2.0}]
    (found,) = [one for one in figures_of(typed(summary)) if one.figure == "downstream"]
    assert (found.value, found.task, found.way, found.seeds) == (2.0, "vcr-twin", "head", (0,))
