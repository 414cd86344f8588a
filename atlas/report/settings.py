"""The settings of a sweep, a row each: mean, worst order, spread and interval, and the distance to the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from atlas.metrics import Undefined
from atlas.report.objective import goal_error, goal_value
from atlas.report.summary import Split, Summary, TrialRow
from atlas.report.tables import settings_label, trial_metrics
from atlas.report.ties import Gap, gap
from atlas.statistics import Interval, Mean, mean_t, over_orders, quantile_interval, share_of, shrunk_means

VAGUE = {"none", "inside", "outside", "whole", "dimension"}  # values that say nothing without their parameter
Order = tuple[str, ...]
Cells = dict[tuple[Order, int], float]


@dataclass(frozen=True, kw_only=True)
class SettingRow:
    """One setting, over its orders and seeds: the objective, in percent or points.

    score: what it is ranked by on val, the mean over orders, the worst of them or a quantile. error: sampling error of
    `val`. sure: the interval of that quantile over orders, None of another aim. val, test: means over orders, or over
    seeds where there are more of these. worst: of the orders, on val. spread: between the best and the worst order.
    gap: to the best setting, on val.
    """

    label: str
    values: Mapping[str, JsonValue]
    score: float
    sure: Interval | Undefined | None
    val: Mean
    error: float | Undefined
    test: Mean | Undefined
    test_error: float | Undefined
    worst: float
    spread: float | None
    gap: Gap
    orders: int
    seeds: int


def aim_of(summary: Summary) -> str:
    """The aim of the sweep over orders: `mean`, `worst`, or a quantile such as `q25`."""
    return str(summary.settings.get("aim") or "mean")


def aim_in_words(summary: Summary) -> str:
    """`worst order`, `q25 of orders`; empty for the mean."""
    aim = aim_of(summary)
    return {"mean": "", "worst": "worst order"}.get(aim, f"{aim} of orders")


def is_settings_sweep(summary: Summary) -> bool:
    """Whether trials differ in their settings, so that these are what the sweep asks about."""
    return len({settings_label(trial.settings) for trial in summary.trials}) > 1


def setting_rows(summary: Summary) -> list[SettingRow]:
    """The settings of finished trials, best first by the objective on val. `test` never decides."""
    val, test = _cells(summary, "val"), _cells(summary, "test")
    if not val:
        return []
    aim = aim_of(summary)
    share = share_of(aim)
    scores = {label: over_orders(_by_order(cells), aim) for label, cells in val.items()}
    believed = _believed(val, aim)
    best = max(believed, key=lambda label: believed[label])
    errors = {split: _errors(summary, split) for split in ("val", "test")}
    values = {settings_label(trial.settings): trial.settings for trial in summary.trials}

    def row(label: str) -> SettingRow:
        by_order = _by_order(val[label])
        return SettingRow(
            label=label,
            values=values[label],
            score=scores[label],
            sure=None if share is None else quantile_interval(by_order, share),
            val=_mean(val[label]),
            error=errors["val"][label],
            test=_mean(test[label]) if label in test else Undefined("not scored on test"),
            test_error=errors["test"].get(label, Undefined("not scored on test")),
            worst=min(by_order),
            spread=max(by_order) - min(by_order) if len(by_order) > 1 else None,
            gap=gap(
                val[label],
                val[best],
                (errors["val"][label], errors["val"][best]),
                None if aim == "mean" else scores[label] - scores[best],
            ),
            orders=len(by_order),
            seeds=len({seed for _, seed in val[label]}),
        )

    return [row(label) for label in sorted(believed, key=lambda label: -believed[label])]


def best_label(summary: Summary) -> str:
    """The settings that rank first by the objective on val; empty where no trial finished or all are alike."""
    believed = _believed(_cells(summary, "val"), aim_of(summary))
    return max(believed, key=lambda label: believed[label], default="")


def labels_in_words(summary: Summary) -> dict[str, str]:
    """Settings label → `short_label` of the settings, for what is read instead of looked up."""
    return {settings_label(trial.settings): short_label(trial.settings) for trial in summary.trials if trial.settings}


def short_label(values: Mapping[str, JsonValue], beside: Mapping[str, JsonValue] | None = None) -> str:
    """`bottleneck, rank 16`: words that speak for themselves without, all else with the parameter's name.

    `beside`: what differs from that setting alone, or all where nothing does.
    """
    shown = {name: value for name, value in values.items() if beside is None or beside.get(name, ()) != value}
    lost = [name for name in beside or {} if name not in values]
    parts = [
        _part(name, value) for name, value in sorted((shown or ({} if lost else values)).items(), key=_words_first)
    ]
    return ", ".join([*parts, *(() if shown else (f"no {_words(name)}" for name in lost))])


def _words_first(item: tuple[str, JsonValue]) -> tuple[bool, str]:
    return not isinstance(item[1], str), item[0]


def _part(name: str, value: JsonValue) -> str:
    if isinstance(value, str):
        return f"{_words(name)} {value}" if value in VAGUE else value
    if isinstance(value, bool):
        return _words(name) if value else f"no {_words(name)}"
    return f"{_words(name)} {value_text(value)}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def value_text(value: JsonValue) -> str:
    """A parameter's value as tables and pictures have it: a fraction by three digits, 1,000 and more whole."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value and not 1e-3 <= abs(value) < 1e5:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value) if value is not None else "none"


def _cells(summary: Summary, split: Split) -> dict[str, Cells]:
    """Settings label → (order, seed) → the objective on one split, of finished trials."""
    found: dict[str, Cells] = defaultdict(dict)
    for trial in _finished(summary):
        value = goal_value(summary, trial, split, trial_metrics(summary, trial, split))
        if value is not None:
            found[settings_label(trial.settings)][trial.order, trial.seed] = value
    return dict(found)


def _errors(summary: Summary, split: Split) -> dict[str, float | Undefined]:
    """Settings label → the mean sampling error of its trials: they were scored on the same records."""
    found: dict[str, list[float | Undefined]] = defaultdict(list)
    for trial in _finished(summary):
        found[settings_label(trial.settings)].append(goal_error(summary, trial, split))
    return {label: _mean_error(errors) for label, errors in found.items()}


def _mean_error(errors: Sequence[float | Undefined]) -> float | Undefined:
    known = [error for error in errors if not isinstance(error, Undefined)]
    return float(np.mean(known)) if len(known) == len(errors) else next(e for e in errors if isinstance(e, Undefined))


def _finished(summary: Summary) -> list[TrialRow]:
    return [trial for trial in summary.trials if trial.may_win]


def _by_order(cells: Cells) -> list[float]:
    """The mean over seeds of each order."""
    orders = dict.fromkeys(order for order, _ in cells)
    return [float(np.mean([value for (one, _), value in cells.items() if one == order])) for order in orders]


def _believed(found: Mapping[str, Cells], aim: str) -> dict[str, float]:
    """Settings label → the score that it ranks by: of orders with different numbers of seeds what these let expect."""
    groups: defaultdict[tuple[str, Order], list[float]] = defaultdict(list)
    for label, cells in found.items():
        for (order, _), value in cells.items():
            groups[label, order].append(value)
    by_label: defaultdict[str, list[float]] = defaultdict(list)
    for (label, _), value in shrunk_means(groups).items():
        by_label[label].append(value)
    return {label: over_orders(values, aim) for label, values in by_label.items()}


def _mean(cells: Cells) -> Mean:
    """The mean over orders, each over its seeds; with more seeds than orders over seeds."""
    by_order = _by_order(cells)
    seeds = dict.fromkeys(seed for _, seed in cells)
    by_seed = [float(np.mean([value for (_, one), value in cells.items() if one == seed])) for seed in seeds]
    found = mean_t(by_seed if len(by_seed) > len(by_order) else by_order)
    assert isinstance(found, Mean)
    return found
