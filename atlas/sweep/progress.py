"""The progress of a running sweep in numbers, from one snapshot: what the live view shows. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from atlas.report.settings import short_label
from atlas.runtime.text import duration
from atlas.search.trial_record import TrialRecord
from atlas.sweep.plan import Plan
from atlas.sweep.supervision import Snapshot

ALMOST = 0.99  # the most that a sweep shows whose number of steps is estimated, or whose end is not yet reached


@dataclass(frozen=True, kw_only=True)
class SweepProgress:
    """A plan, a snapshot of its sweep, the trials so far, and the seconds since it began."""

    plan: Plan
    snapshot: Snapshot
    trials: Collection[TrialRecord]
    passed: float

    @property
    def share(self) -> float:
        """The share of the work that is done, in [0, 1]: of the steps to train, or of the trials where there are none.

        Steps in training count by the share of their updates.
        """
        if not self.plan.missing:
            done, of = float(self.ended), self.plan.trials
        else:
            status = self.snapshot.broker
            done, of = status.trained + sum(step.progress for step in status.running), self.plan.missing
        whole = self.ended >= self.plan.trials and not self.snapshot.broker.running
        return min(done / of if of else 1.0, 1.0 if whole else ALMOST)

    @property
    def ended(self) -> int:
        """The number of trials that have ended."""
        return sum(trial.status != "RUNNING" for trial in self.trials)

    @property
    def steps_a_minute(self) -> float | None:
        """The steps trained a minute since the sweep began; None before the first."""
        trained = self.snapshot.broker.trained
        return 60 * trained / self.passed if trained and self.passed else None

    @property
    def time_left(self) -> str:
        """The estimate for the rest, in words."""
        status = self.snapshot.broker
        if self.plan.missing == 0:
            return "nothing to train"
        if not status.fleets:
            return f"fleets are starting, about {duration(self.plan.seconds)} in all"
        if status.trained < 2:
            return f"about {duration(self.plan.seconds)} in all"
        at_once = max(1, len(status.running))
        left = max(0, self.plan.missing - status.trained) * status.trained_seconds / status.trained / at_once
        return f"about {duration(left)} left"

    @property
    def best(self) -> TrialRecord | None:
        """The finished trial with the highest objective, of those that keep to the constraints."""
        ended = [one for one in self.trials if one.objective is not None and one.may_win]
        return max(ended, key=_objective, default=None)

    @property
    def leading(self) -> TrialRecord | None:
        """Of the trials that have most tasks behind them and not finished, the one with the highest objective.

        Before a trial's end its objective is its mean score relative to each task alone: comparable between trials
        that have seen as many tasks.
        """
        begun = [one for one in self.trials if one.status == "RUNNING" and one.tasks_seen and one.objective is not None]
        most = max((one.tasks_seen for one in begun), default=0)
        return max((one for one in begun if one.tasks_seen == most), key=_objective, default=None)


def name_of(trial: TrialRecord) -> str:
    """A trial in words: its order where it walks one, and the settings that it tries."""
    orders = list(dict.fromkeys(trial.config.orders))
    settings = short_label(trial.settings) if trial.settings else ""
    order = " > ".join(orders[0]) if len(orders) == 1 else ""
    return " · ".join(filter(None, (settings, order))) or trial.id


def _objective(trial: TrialRecord) -> float:
    return trial.objective or 0.0
