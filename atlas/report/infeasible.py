"""The trials of a sweep that miss one of its constraints, in words."""

from __future__ import annotations

from atlas.report.settings import short_label
from atlas.report.summary import Summary, TrialRow


def infeasible_lines(summary: Summary) -> list[str]:
    """`rank 32: trained_parameters is 3.2%, at most 2% is asked for`: a line a trial, those alike once."""
    missing = [trial for trial in summary.trials if trial.infeasible]
    return list(dict.fromkeys(f"{_name(summary, trial)}: {trial.infeasible}" for trial in missing))


def _name(summary: Summary, trial: TrialRow) -> str:
    """A trial's settings where it has some, and its order where trials have different ones."""
    orders = len({one.order for one in summary.trials}) > 1 and "." not in trial.id
    parts = [short_label(trial.settings), " > ".join(trial.order) if orders else ""]
    return " · ".join(filter(None, parts)) or trial.id
