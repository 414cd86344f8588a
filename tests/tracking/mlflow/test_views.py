from __future__ import annotations

import json
from typing import Any

from atlas.tracking.mlflow.internals import EXPERIMENT_TAG_CHARACTERS
from atlas.tracking.mlflow.views import SweepViews, columns_for, steps_view, trials_view, view_page, written

LEADERBOARD, STEPS = "mlflow.sharedViewState.s1", "mlflow.sharedViewState.s1-steps"
TRIED = {"orders": ["a > b", "b > a"], "seeds": [0], "adapter": "lora", "rank": 4, "learner": {"rank": 4}}


class Experiment:
    """An experiment's tags, and the names of those that were set, in turn."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.set: list[str] = []

    def tag(self, name: str) -> str:
        """A tag."""
        return self.tags.get(name, "")

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag."""
        self.tags[name] = value
        self.set.append(name)

    def columns(self) -> list[str]:
        """The columns of the leaderboard."""
        return list(json.loads(self.tags[LEADERBOARD])["selectedColumns"])


def test_a_leaderboard_lists_the_sweeps_trials_best_first() -> None:
    state = trials_view("s1", columns_for({"order": ["a", "b"]}))
    assert state["searchFilter"] == "tags.`atlas.kind` = 'trial' and tags.`atlas.sweep` = 's1'"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`objective`", False)
    assert state["selectedColumns"] == [
        f"metrics.`{name}`" for name in ("objective", "test A", "test A own", "test forgetting", "test BWT")
    ]


def test_columns_stand_in_their_order_behind_those_that_the_ui_always_has() -> None:
    state = trials_view("s1", [*columns_for({}), *columns_for(TRIED)[-3:]])
    order, columns = state["columnOrder"], state["selectedColumns"]
    assert isinstance(order, list)
    assert isinstance(columns, list)
    assert order[-len(columns) :] == columns
    assert set(order[: -len(columns)]) == {"0", "attributes.`Run Name`", "runDateAndNestInfo", "duration"}


def test_columns_of_settings_and_of_disparity_are_there_where_trials_have_them() -> None:
    columns = columns_for(TRIED)
    assert columns[-3:] == ["metrics.`test AOPD`", "params.`adapter`", "params.`rank`"]
    assert not [column for column in columns if "learner" in column or "seeds" in column]


def test_a_settings_sweep_has_a_picture_of_its_settings_and_an_order_sweep_has_none() -> None:
    def kinds(params: dict[str, Any]) -> set[str]:
        charts = trials_view("s1", columns_for(params))["compareRunCharts"]
        assert isinstance(charts, list)
        return {chart["type"] for chart in charts if isinstance(chart, dict)}  # type: ignore[misc]

    assert kinds(TRIED) - kinds({"order": ["a", "b"]}) == {"PARALLEL"}


def test_every_chart_is_in_a_section_that_the_view_has() -> None:
    for state in (trials_view("s1", columns_for(TRIED)), steps_view("s1")):
        charts, sections = (json.loads(written(state))[name] for name in ("compareRunCharts", "compareRunSections"))
        assert {chart["metricSectionId"] for chart in charts} == {section["uuid"] for section in sections}
        assert len({chart["uuid"] for chart in charts}) == len(charts)


def test_steps_are_grouped_by_task_and_stage() -> None:
    state = steps_view("s1")
    assert state["searchFilter"] == "tags.`atlas.kind` = 'step' and tags.`atlas.sweep` = 's1'"
    group = state["groupBy"]
    assert isinstance(group, dict)
    assert group["groupByKeys"] == [{"mode": "tag", "groupByData": name} for name in ("task", "stage")]


def test_a_view_is_written_at_the_start_and_where_a_column_becomes_known_and_else_left() -> None:
    experiment = Experiment()
    views = SweepViews(experiment)
    views.add("s1")
    assert experiment.set == [STEPS, LEADERBOARD]
    views.add("s1", TRIED)
    views.add("s1", TRIED)
    assert experiment.set == [STEPS, LEADERBOARD, LEADERBOARD]
    assert "params.`rank`" in experiment.columns()


def test_columns_that_were_known_before_a_restart_stay() -> None:
    experiment = Experiment()
    SweepViews(experiment).add("s1", TRIED)
    SweepViews(experiment).add("s1", {"orders": [], "skip": "inside"})
    assert [column for column in experiment.columns() if column.startswith("params.")] == [
        "params.`adapter`",
        "params.`rank`",
        "params.`skip`",
    ]


def test_settings_that_all_trials_share_are_no_columns() -> None:
    def settings() -> list[str]:
        return [column for column in experiment.columns() if column.startswith("params.")]

    experiment = Experiment()
    views = SweepViews(experiment)
    views.add("s1", {**TRIED, "skip": "inside"})
    assert settings() == ["params.`adapter`", "params.`rank`", "params.`skip`"]
    views.add("s1", {**TRIED, "skip": "outside"})
    assert settings() == ["params.`skip`"]
    views.add("s1", {**TRIED, "rank": 8, "skip": "outside"})
    assert settings() == ["params.`skip`", "params.`rank`"]
    views.add("s1", {"orders": [], "adapter": "none"})
    assert settings() == ["params.`skip`", "params.`rank`", "params.`adapter`"]


def test_a_tag_that_is_no_view_of_ours_is_written_anew() -> None:
    experiment = Experiment()
    experiment.tags[LEADERBOARD] = "deflate;eJw="
    SweepViews(experiment).add("s1")
    assert "metrics.`objective`" in experiment.columns()


def test_a_view_of_many_settings_fits_into_a_tag_and_keeps_its_figures() -> None:
    many = {f"{'a setting with a long name ' * 3}{number}": number for number in range(80)}
    text = written(trials_view("s1", columns_for(many)))
    assert len(text) <= EXPERIMENT_TAG_CHARACTERS
    assert json.loads(text)["selectedColumns"][0] == "metrics.`objective`"


def test_the_address_of_a_view() -> None:
    assert view_page("http://mlflow:5000/", "3", "my sweep") == (
        "http://mlflow:5000/#/experiments/3/runs?workflowType=machine_learning&viewStateShareKey=my%20sweep"
    )
