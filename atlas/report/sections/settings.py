"""The settings, a row each, and the parameters: how much each explains, and what each value adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from markupsafe import Markup

from atlas.metrics import Undefined
from atlas.report import settings_figures as figures
from atlas.report.canvas import inline_pair
from atlas.report.formats import MISSING, bounds, number, with_error
from atlas.report.headline import how_to_decide
from atlas.report.marks import settings_mark
from atlas.report.objective import goal_in_words
from atlas.report.parameters import Level, Parameter, varying_parameters
from atlas.report.settings import SettingRow, aim_in_words, is_settings_sweep, setting_rows, value_text
from atlas.report.summary import Summary
from atlas.report.views import ROWS_SHOWN, Cell, Table, columns
from atlas.statistics import FEWEST, Interval, Mean


@dataclass(frozen=True, kw_only=True)
class SettingsSection:
    """`settings`: a row a setting. `importances`: a row a parameter. `effects`: a row a value of one.

    `aim`: what settings rank by over orders, empty for the mean. `unexplained`: the reason why no parameter's share is
    known. `unit`: what the means and intervals are over. `decide`: the option that would tell tied settings apart.
    """

    template: ClassVar[str] = "settings.html"

    goal: str
    aim: str
    unit: str
    settings: Table
    importances: Table
    unexplained: str
    effects: Table
    decide: str
    slices: Markup
    parallel: Markup
    contour: Markup | None


def settings_section(summary: Summary) -> SettingsSection | None:
    """The settings of a sweep that tries several; None where it has one, or no parameter that varies."""
    rows = setting_rows(summary) if is_settings_sweep(summary) else []
    parameters = varying_parameters(rows) if len(rows) > 1 else []
    if not parameters:
        return None
    return SettingsSection(
        goal=goal_in_words(summary),
        aim=aim_in_words(summary),
        unit="seeds" if rows[0].seeds > rows[0].orders else "orders",
        settings=settings_table(rows, parameters),
        importances=_importances(parameters),
        unexplained=_unexplained(parameters),
        effects=_effects(parameters),
        decide=how_to_decide(summary) if any(row.gap.is_tied for row in rows[1:]) else "",
        slices=inline_pair(partial(figures.slices, summary, rows, parameters), "slices"),
        parallel=inline_pair(partial(figures.parallel_coordinates, summary, rows, parameters), "parallel"),
        contour=_contour(summary, rows, parameters),
    )


def settings_table(rows: Sequence[SettingRow], parameters: Sequence[Parameter]) -> Table:
    """A row a setting and a column a parameter, as the page and the terminal have it."""
    names = [one.name for one in parameters]
    over = "Over seeds" if rows[0].seeds > rows[0].orders else "Over orders"
    headings = ["", *(name.replace("_", " ") for name in names)]
    quantile = any(row.sure is not None for row in rows)
    headings += ["Val ↓", *["Its interval"] * quantile, "To the best", over, "Worst order", "Spread", "Test"]
    return Table(
        columns=columns(*headings, left=range(1, 1 + len(names))),
        rows=tuple(
            (
                str(place),
                *(value_text(row.values[name]) if name in row.values else MISSING for name in names),
                with_error(row.score, row.error),
                *[_sure(row)] * quantile,
                "best" if place == 1 else f"{row.gap}{', tied' if row.gap.is_tied else ''}",
                _over(row.val),
                number(row.worst),
                number(row.spread),
                with_error(None if isinstance(row.test, Undefined) else row.test.value, row.test_error),
            )
            for place, row in enumerate(rows, start=1)
        ),
        best=True,
        limit=ROWS_SHOWN,
        marks=tuple(settings_mark(row.label) for row in rows),
    )


def _sure(row: SettingRow) -> Cell | str:
    """The 95 % interval of a quantile over orders; with too few why there is none."""
    return (
        _undefined(row.sure)
        if not isinstance(row.sure, Interval)
        else f"{number(row.sure.low)} to {number(row.sure.high)}"
    )


def _over(mean: Mean) -> str:
    """The 95 % interval over orders or seeds; with fewer than three the values themselves."""
    if mean.has_spread:
        assert not isinstance(mean.interval, Undefined)
        return f"{number(mean.interval.low)} to {number(mean.interval.high)}"
    return ", ".join(map(number, mean.values)) if mean.count < FEWEST else f"all {number(mean.value)}"


def _importances(parameters: Sequence[Parameter]) -> Table:
    rows = []
    for one in parameters:
        best = max(one.levels, key=lambda level: level.effect.value)
        width = best.effect.value - min(level.effect.value for level in one.levels)
        rows.append(
            (
                one.name.replace("_", " "),
                _undefined(one.interval) if isinstance(one.interval, Undefined) else number(one.share, " %"),
                _undefined(one.interval) if isinstance(one.interval, Undefined) else bounds_in_percent(one),
                _undefined(one.importance) if isinstance(one.importance, Undefined) else number(one.importance, " %"),
                best.name,
                number(width),
            )
        )
    headings = columns("Parameter", "Explains", "95 % interval", "fANOVA", "Best value", "Best − worst", left=(0, 4))
    return Table(columns=headings, rows=tuple(rows))


def _unexplained(parameters: Sequence[Parameter]) -> str:
    reasons = [one.interval.reason for one in parameters if isinstance(one.interval, Undefined)]
    return reasons[0] if reasons and len(reasons) == len(parameters) else ""


def bounds_in_percent(one: Parameter) -> str:
    """`12 to 80 %`: the interval of a parameter's share."""
    assert not isinstance(one.interval, Undefined)
    return f"{one.interval.low:.0f} to {one.interval.high:.0f} %"


def _effects(parameters: Sequence[Parameter]) -> Table:
    rows = [(one.name.replace("_", " "), *_level(level)) for one in parameters for level in one.levels]
    headings = columns("Parameter", "Value", "Settings", "Main effect", "95 % interval", left=(0, 1))
    return Table(columns=headings, rows=tuple(rows), limit=ROWS_SHOWN)


def _level(level: Level) -> tuple[str, str, str, str]:
    effect = level.effect
    if effect.has_spread and not isinstance(effect.interval, Undefined):
        sure = bounds(effect.interval)
    elif 1 < effect.count < FEWEST:
        sure = ", ".join(number(value, sign=True) for value in effect.values)
    else:
        sure = MISSING
    return level.name, str(effect.count), number(effect.value, sign=True), sure


def _undefined(value: Undefined | None) -> Cell:
    return Cell(text=MISSING, title=value.reason if value is not None else "")


def _contour(summary: Summary, rows: Sequence[SettingRow], parameters: Sequence[Parameter]) -> Markup | None:
    pair = figures.contour_pair(parameters)
    return None if pair is None else inline_pair(partial(figures.contour, summary, rows, *pair), "contour")
