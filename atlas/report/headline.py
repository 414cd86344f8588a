"""The headline of a sweep: its answer in one sentence, what is tied with it, and what would decide."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.metrics import Undefined
from atlas.report.formats import number
from atlas.report.objective import goal_of
from atlas.report.settings import SettingRow, aim_in_words, is_settings_sweep, setting_rows, short_label
from atlas.report.summary import Summary
from atlas.report.tables import settings_label
from atlas.report.ties import Gap
from atlas.runtime.text import counted
from atlas.statistics import FEWEST

TO_DECIDE = "; to decide: "


def headline(summary: Summary) -> str:
    """`Best: bottleneck, rank 16 (val 70.1 ± 1.9 over 2 orders); rank 4 cannot be told apart (−0.1 ± 2.3)`.

    Empty where no trial finished.
    """
    if is_settings_sweep(summary):
        return _best_setting(summary, setting_rows(summary))
    return _best_order(summary)


def how_to_decide(summary: Summary) -> str:
    """The option that would tell tied rows apart: more seeds, or more trials where these take seeds as needed."""
    if summary.settings.get("seeds_as_needed") and len(summary.trials) < len(summary.seeds) * _orders(summary):
        return f"--trials {2 * len(summary.trials)}"
    return "--seeds " + " ".join(map(str, seeds_to_decide(summary)))


def seeds_to_decide(summary: Summary) -> tuple[int, ...]:
    """The seeds of the sweep and as many more as make three of them, or twice as many."""
    wanted = max(FEWEST, 2 * len(summary.seeds) if len(summary.seeds) >= FEWEST else 0)
    return tuple(sorted(list(dict.fromkeys([*summary.seeds, *range(wanted)]))[:wanted]))


def _orders(summary: Summary) -> int:
    """The number of different orders, with their settings, that trials walked."""
    return len({(settings_label(trial.settings), trial.order) for trial in summary.trials})


def _best_setting(summary: Summary, rows: Sequence[SettingRow]) -> str:
    if not rows:
        return ""
    best, others = rows[0], rows[1:]
    said = f"Best: {short_label(best.values)} ({_score(summary, best)})"
    tied = [row for row in others if row.gap.is_tied]
    if tied:
        named = f"{short_label(tied[0].values, best.values)} cannot be told apart ({tied[0].gap})"
        return f"{said}; {named}{_more(len(tied) - 1)}{TO_DECIDE}{how_to_decide(summary)}"
    if others:
        return f"{said}; next: {short_label(others[0].values, best.values)} ({others[0].gap}){_unknown(others[0].gap)}"
    return said


def _score(summary: Summary, row: SettingRow) -> str:
    """`val 70.1 ± 1.9 over 2 orders`, of the worst order or a quantile where that is what the sweep raises."""
    what = f"val, {aim}," if (aim := aim_in_words(summary)) else _name(summary)
    error = "" if isinstance(row.error, Undefined) else f" ± {row.error:.1f}"
    seeds = [counted(row.seeds, "seed")] if row.seeds > 1 else []
    order = _only_order(summary, row)
    where = (
        " over ".join([f"along {order}", *seeds])
        if order
        else f"over {' × '.join([counted(row.orders, 'order'), *seeds])}"
    )
    return f"{what} {number(row.score)}{error} {where}"


def _only_order(summary: Summary, row: SettingRow) -> str:
    """`a > b`: the only order of a setting, in a sweep that searches orders beside settings; else empty."""
    if row.orders > 1 or len({trial.order for trial in summary.trials}) == 1:
        return ""
    return next(" > ".join(trial.order) for trial in summary.trials if settings_label(trial.settings) == row.label)


def _name(summary: Summary) -> str:
    goal = goal_of(summary)
    return "val" if goal == "latest/average_accuracy" else f"val {goal.partition('/')[2].replace('_', ' ')}"


def _best_order(summary: Summary) -> str:
    from atlas.report.order_rows import order_rows

    rows = order_rows(summary)
    if not rows:
        return ""
    best, others = rows[0], rows[1:]
    error = "" if isinstance(best.error, Undefined) else f" ± {best.error:.1f}"
    over = f" over {counted(best.seeds, 'seed')}" if best.seeds > 1 else ""
    said = f"Best: {' > '.join(best.order)} ({_name(summary)} {number(best.score)}{error}{over})"
    tied = [place for place, row in enumerate(others, start=2) if row.gap.is_tied]
    if tied:
        named = f"tied with row {tied[0]} ({others[tied[0] - 2].gap})"
        return f"{said}; {named}{_more(len(tied) - 1)}{TO_DECIDE}{how_to_decide(summary)}"
    return f"{said}; next: row 2 ({others[0].gap}){_unknown(others[0].gap)}" if others else said


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _unknown(found: Gap) -> str:
    return f"; fewer than {FEWEST} seeds: whether that is luck is not known" if found.half is None else ""
