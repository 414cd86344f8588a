"""Marks: the name that a row, its lines and its dots share, so that the page can light them up together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from atlas.report.canvas import PREFIX
from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary, TrialRow
from atlas.report.tables import settings_label
from atlas.runtime.digest import text_sha256

if TYPE_CHECKING:
    from matplotlib.artist import Artist


def order_mark(order: Sequence[str]) -> str:
    """The mark of an order of tasks."""
    return _digest("order", *order)


def settings_mark(label: str) -> str:
    """The mark of a setting, by its label."""
    return _digest("settings", label)


def trial_marks(summary: Summary) -> Callable[[TrialRow], str]:
    """The function that gives a trial's mark: that of its setting where the sweep tries several, else of its order."""
    if is_settings_sweep(summary):
        return lambda trial: settings_mark(settings_label(trial.settings))
    return lambda trial: order_mark(trial.order)


def put_mark(mark: str, artists: Sequence[Artist]) -> None:
    """Mark lines or dots of a figure; an empty mark is none."""
    for artist in artists if mark else ():
        artist.set_gid(PREFIX + mark)


def _digest(*parts: str) -> str:
    return text_sha256("\0".join(parts))[:10]
