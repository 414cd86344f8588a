"""Data frames of a sweep's summary: its trials, its orders, an accuracy matrix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import JsonValue

from atlas.metrics import MetricValue, Undefined
from atlas.report import Row, leaderboard
from atlas.report.settings import setting_rows
from atlas.report.summary import ROUTES, SPLITS, Route, Split, Summary, TrialRow
from atlas.report.tables import matrix
from atlas.runtime.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("val", "test", "test_own", "relative", "forgetting", "backward", "intransigence", "speed")
COLUMNS = frozenset(
    {"trial", "place", "order", "seed", "status", "walks", "worst", "spread", "orders", "seeds", *FIGURES}
)
Cell = str | float | bool | None
ARROW = " > "


def trial_table(summary: Summary, *, metrics: bool = False) -> pd.DataFrame:
    """A row a trial's walk, best first; see `SweepResult.dataframe`."""
    import pandas as pd

    rows = []
    for row in leaderboard(summary):
        trial = summary.trial(row.trial)
        every = {name: _number(value) for name, value in trial.metrics.items()} if metrics else {}
        rows.append({**_identity(row), **_settings(summary, trial), **_figures(row), **every})
    return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame(columns=["trial"]).set_index("trial")


def order_table(summary: Summary, split: Split, route: Route) -> pd.DataFrame:
    """A row an order (and settings), best first; see `SweepResult.orders`."""
    import pandas as pd

    by = ["order", *_setting_columns(summary).values()]
    rows = []
    for row in leaderboard(summary):
        trial = summary.trial(row.trial)
        if trial.status == "FINISHED":
            last = matrix(trial, split, route)[-1]
            chosen = _settings(summary, trial)
            scores = {"val": row.val, "test": row.test, "forgetting": row.forgetting}
            rows.append({"order": ARROW.join(row.order), **chosen, **scores, **dict(zip(row.order, last, strict=True))})
    if not rows:
        return pd.DataFrame(columns=[*by, "walks", "val", "test", "forgetting", *summary.tasks])
    figures = dict.fromkeys(("val", "test", "forgetting"), float)
    grouped = pd.DataFrame(rows).astype(figures).groupby(by, dropna=False, sort=False)
    table = grouped.mean(numeric_only=True)
    table.insert(0, "walks", grouped.size())
    return table.sort_values("val", ascending=False, kind="stable").reset_index()


def setting_table(summary: Summary) -> pd.DataFrame:
    """A row a setting, best first; see `SweepResult.settings`."""
    import pandas as pd

    columns = _setting_columns(summary)
    rows = [
        {
            **{column: _cell(row.values.get(name)) for name, column in columns.items()},
            "val": row.val.value,
            "test": None if isinstance(row.test, Undefined) else row.test.value,
            "worst": row.worst,
            "spread": row.spread,
            "orders": row.orders,
            "seeds": row.seeds,
        }
        for row in setting_rows(summary)
    ]
    return pd.DataFrame(rows, columns=[*columns.values(), "val", "test", "worst", "spread", "orders", "seeds"])


def accuracy_table(trial: TrialRow, split: str, route: str) -> pd.DataFrame:
    """R of a walk; see `SweepResult.R`."""
    import pandas as pd

    found = matrix(trial, as_split(split), as_route(route))
    return pd.DataFrame(found, index=pd.Index(trial.order, name="after"), columns=pd.Index(trial.order, name="task"))


def as_split(name: str) -> Split:
    """The split of that name. Raises UserError for another than val and test."""
    for split in SPLITS:
        if name == split:
            return split
    raise unknown("split", name, SPLITS)


def as_route(name: str) -> Route:
    """The route of that name. Raises UserError for another than latest, own and free."""
    for route in ROUTES:
        if name == route:
            return route
    raise unknown("route", name, ROUTES)


def find_row(summary: Summary, trial: str) -> TrialRow:
    """The walk of that id; the best one where it is empty. Raises UserError for an unknown id, or without a best."""
    if not trial:
        if summary.best_trial is None:
            raise UserError(f"no trial of the sweep {summary.sweep.id} finished, so that none is the best; name one.")
        return summary.best_trial
    known = {row.id: row for row in summary.trials}
    if trial not in known:
        raise unknown(f"trial of the sweep {summary.sweep.id}", trial, known)
    return known[trial]


def _identity(row: Row) -> dict[str, str | int | None]:
    return {
        "trial": row.trial,
        "place": row.rank,
        "order": ARROW.join(row.order),
        "seed": row.seed,
        "status": row.status,
    }


def _setting_columns(summary: Summary) -> dict[str, str]:
    """Setting → its column: its name, with `settings.` before one that is another column's."""
    taken = COLUMNS | summary.tasks.keys()
    names = sorted({name for trial in summary.trials for name in trial.settings})
    return {name: f"settings.{name}" if name in taken else name for name in names}


def _settings(summary: Summary, trial: TrialRow) -> dict[str, Cell]:
    """The settings of a walk by column; None where its trial has none of that name."""
    return {column: _cell(trial.settings.get(name)) for name, column in _setting_columns(summary).items()}


def _cell(value: JsonValue) -> Cell:
    """A setting as one cell: lists and objects as JSON."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _figures(row: Row) -> dict[str, float | None]:
    return {name: getattr(row, name) for name in FIGURES}


def _number(value: MetricValue) -> float:
    return float("nan") if isinstance(value, Undefined) else value
