"""Prepared views of MLflow's UI: a sweep's leaderboard and its steps, each opened by an address of its own.

MLflow keeps a shared view as JSON in a tag of the experiment; only what the UI itself writes there is used.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import JsonValue

from atlas.tracking.events import Settings
from atlas.tracking.mlflow.internals import EXPERIMENT_TAG_CHARACTERS, VIEW_QUERY, VIEW_TAG
from atlas.tracking.mlflow.notes import plain, suggested

OBJECTIVE = "objective"
FIGURES = (OBJECTIVE, "test A", "test A own", "test forgetting", "test BWT")  # a trial's, by their short names
DISPARITY = "test AOPD"  # of trials that walk several orders
BY_TASK = "val/latest/average_accuracy"  # logged after each task of a trial's order
STEP_FIGURES = ("loss", "validation", "cost/seconds")
BEFORE = ("0", "attributes.`Run Name`", "runDateAndNestInfo", "duration")  # columns that the UI always has
WIDTHS = {"attributes.`Run Name`": 260, "runDateAndNestInfo": 120}  # pixels
FIGURE_WIDTH = 115

State = dict[str, JsonValue]


class TaggedExperiment(Protocol):
    """An experiment of MLflow whose tags can be read and set."""

    def tag(self, name: str) -> str:
        """A tag; empty where there is none of that name."""

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag."""


class SweepViews:
    """Keeps the views of an experiment's sweeps: written where a sweep starts, again where a column becomes known."""

    def __init__(self, experiment: TaggedExperiment) -> None:
        self._experiment = experiment
        self._leaderboards: dict[str, _Leaderboard] = {}

    def add(self, sweep: str, params: Settings | None = None) -> None:
        """Make the sweep's views show a trial of these parameters too."""
        before: list[str] = []
        if sweep in self._leaderboards:
            before = self._leaderboards[sweep].columns()
        else:
            self._experiment.set_tag(VIEW_TAG + steps_key(sweep), written(steps_view(sweep)))
            self._leaderboards[sweep] = _Leaderboard(_columns_of(self._experiment.tag(VIEW_TAG + trials_key(sweep))))
        leaderboard = self._leaderboards[sweep]
        if params is not None:
            leaderboard.add(params)
        if (columns := leaderboard.columns()) != before:
            self._experiment.set_tag(VIEW_TAG + trials_key(sweep), written(trials_view(sweep, columns)))


class _Leaderboard:
    """The columns of a sweep's trials: figures, and settings that differ between trials; those of a first one, all."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(
            dict.fromkeys([*columns, *columns_for({})])
        )  # whatever happens; those of an earlier writer
        self._first: dict[str, JsonValue] | None = None
        self._varied: list[str] = []

    def add(self, params: Settings) -> None:
        """Take a trial's parameters into account."""
        settings = {_setting(name): value for name, value in suggested(params).items()}
        figures = [column for column in columns_for(params) if column not in settings]
        self._columns += [column for column in figures if column not in self._columns]
        if self._first is None:
            self._first = settings
        both = self._first | settings
        self._varied += [one for one in both if one not in self._varied and self._first.get(one) != settings.get(one)]

    def columns(self) -> list[str]:
        """The columns, those that were there first before others."""
        return list(dict.fromkeys([*self._columns, *(self._varied or self._first or ())]))


def trials_key(sweep: str) -> str:
    """The key of the sweep's leaderboard."""
    return plain(sweep)


def steps_key(sweep: str) -> str:
    """The key of the view of the steps that the sweep trained."""
    return plain(f"{sweep}-steps")


def view_page(base: str, experiment_id: str, key: str) -> str:
    """The address of a view on the server at `base`."""
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs?{VIEW_QUERY}{urllib.parse.quote(key, safe='')}"


def columns_for(params: Settings) -> list[str]:
    """The columns that decide between trials of these parameters, beside their names: figures, then settings."""
    several = [DISPARITY] if "orders" in params else []
    figures = [_column("metrics", name) for name in (*FIGURES, *several)]
    return figures + [_setting(name) for name in suggested(params)]


def trials_view(sweep: str, columns: Sequence[str]) -> State:
    """The leaderboard: the sweep's trials, best first by the objective, and what decides between them."""
    ordered = sorted(columns, key=lambda column: not column.startswith("metrics."))
    settings = [column.partition("`")[2].rstrip("`") for column in ordered if column.startswith("params.")]
    charts = [
        _chart("objective", "BAR", "Trials", metricKey=OBJECTIVE, runsCountToCompare=20),
        _chart("after each task", "LINE", "Trials", metricKey=BY_TASK),
        _chart("forgetting", "SCATTER", "Trials", xaxis=_axis("test forgetting"), yaxis=_axis("test A")),
    ]
    if settings:
        chosen: State = {"selectedParams": [*settings], "selectedMetrics": [OBJECTIVE], "showAllRuns": True}
        charts.append(_chart("settings", "PARALLEL", "Trials", **chosen))
    return {
        "searchFilter": f"tags.`atlas.kind` = 'trial' and tags.`atlas.sweep` = '{sweep}'",
        "orderByKey": _column("metrics", OBJECTIVE),
        "orderByAsc": False,
        "selectedColumns": [*ordered],
        "columnOrder": [*BEFORE, *ordered],
        "columnWidths": {**WIDTHS, **dict.fromkeys(ordered, FIGURE_WIDTH)},
        **_charts("Trials", charts),
    }


def steps_view(sweep: str) -> State:
    """The steps that the sweep trained, grouped by task and stage, and their curves so."""
    keys: list[JsonValue] = [{"mode": "tag", "groupByData": name} for name in ("task", "stage")]
    charts = [_chart(name, "LINE", "Training", metricKey=name) for name in STEP_FIGURES[:2]]
    charts.append(_chart("seconds", "BAR", "Training", metricKey=STEP_FIGURES[2], runsCountToCompare=20))
    return {
        "searchFilter": f"tags.`atlas.kind` = 'step' and tags.`atlas.sweep` = '{sweep}'",
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "selectedColumns": [_column("metrics", name) for name in STEP_FIGURES],
        "groupBy": {"aggregateFunction": "average", "groupByKeys": keys},
        **_charts("Training", charts),
    }


def written(state: Mapping[str, JsonValue]) -> str:
    """The view as the tag has it, within the characters of one: charts go first, then the last columns."""
    kept: State = dict(state)
    for part in ("compareRunCharts", "compareRunSections", "columnOrder", "columnWidths"):
        if len(_spelt(kept)) > EXPERIMENT_TAG_CHARACTERS:
            kept.pop(part, None)
    columns = kept["selectedColumns"]
    assert isinstance(columns, list)
    while len(_spelt(kept)) > EXPERIMENT_TAG_CHARACTERS and columns:
        kept["selectedColumns"] = columns = columns[:-1]
    return _spelt(kept)


def _spelt(state: State) -> str:
    return json.dumps(state, separators=(",", ":"))


def _columns_of(tag: str) -> list[str]:
    """The columns of a view that was written before; none where there was none of ours."""
    try:
        return [str(column) for column in json.loads(tag)["selectedColumns"]]
    except (ValueError, KeyError, TypeError):
        return []


def _column(kind: str, name: str) -> str:
    """A column as the UI names it."""
    return f"{kind}.`{name}`"


def _setting(name: str) -> str:
    """The column of a setting."""
    return _column("params", plain(name))


def _axis(metric: str) -> State:
    return {"key": metric, "type": "METRIC"}


def _chart(title: str, kind: str, section: str, **shown: JsonValue) -> State:
    """A chart of that kind; `runsCountToCompare` of its runs where it does not say."""
    named = {"uuid": f"{section} {title}", "type": kind, "metricSectionId": section, "displayName": title}
    return {**named, "deleted": False, "isGenerated": False, "runsCountToCompare": 10, **shown}


def _charts(section: str, charts: list[State]) -> State:
    """Charts in a section of their own, above those that the UI makes by itself."""
    about: State = {"uuid": section, "name": section, "display": True, "isReordered": True, "deleted": False}
    return {
        "compareRunCharts": [*charts],
        "compareRunSections": [{**about, "isGenerated": False}],
        "isAccordionReordered": True,
    }
