"""The keeper of a running sweep's budget: it counts what is spent, records it, and has the broker lease no more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from atlas.config.budget import Budget
from atlas.execution.allowance import Allowance
from atlas.execution.status import UNFINISHED, BrokerStatus
from atlas.runtime.error_log import ErrorRow
from atlas.sweep.spending import HOUR, Spending
from atlas.sweep.supervision import Steering

SAVE_SECONDS = 10.0


@dataclass
class BudgetKeeper:
    """Counts the spending of a sweep, and tells its broker the terms on which it may lease steps.

    `before` is the spending of earlier runs, `gpus` the number of a fleet's, `step_seconds` the expected training of a
    step. `allow` tells a broker; `save` records the spending whenever a step was trained, and each `SAVE_SECONDS`;
    where it fails, a note says so, and the next look tries again. `clock` gives seconds. A broker that is restarted
    counts anew, and is told again.
    """

    budget: Budget | None
    before: Spending
    gpus: float
    step_seconds: float
    allow: Callable[[Allowance], None]
    save: Callable[[Spending], None]
    clock: Callable[[], float]
    paused: bool = False
    _gone: Spending = field(default_factory=Spending)
    _last: BrokerStatus = field(default_factory=BrokerStatus)
    _saved: Spending | None = None
    _saving: ErrorRow = field(default_factory=lambda: ErrorRow("recording what the sweep has spent"))

    def __post_init__(self) -> None:
        self._began = self.clock()

    def look(self, status: BrokerStatus) -> Steering:
        """Count, record, tell the broker where its terms are others, and say whether the budget ends the sweep."""
        if status.born != self._last.born:
            self._gone = self._gone.plus(self._by(self._last))
        self._last = status
        self._save_when_due()
        wanted = self._wanted(status)
        told = status.allowance == wanted
        if not told:
            self.allow(wanted)
        return Steering(notes=self._notes(), stopped=self._stopped(status) if told else "")

    @property
    def spent(self) -> Spending:
        """The spending of all runs until now."""
        ran = Spending(seconds=self.clock() - self._began)
        return self.before.plus(self._gone).plus(self._by(self._last)).plus(ran)

    @property
    def words(self) -> str:
        """The spending, of the budget: `3 of 5 steps`; empty without one."""
        return self.spent.facts(self.budget).words if self.budget is not None else ""

    def _by(self, status: BrokerStatus) -> Spending:
        """The spending that one broker has counted."""
        return Spending(steps=status.trained, training=status.trained_seconds * self.gpus)

    def _wanted(self, status: BrokerStatus) -> Allowance:
        """The terms for the broker of that status; its own counts, which they bound, begin with it."""
        budget, earlier = self.budget, self.before.plus(self._gone)
        terms = Allowance(paused=self.paused or self._is_late(status), step_seconds=self.step_seconds)
        if budget is None or budget.unit == "h":
            return terms
        left = earlier.left_of(budget)
        if budget.unit == "steps":
            return Allowance(paused=terms.paused, step_seconds=terms.step_seconds, steps=math.floor(left))
        return Allowance(
            paused=terms.paused, step_seconds=terms.step_seconds, seconds=left * HOUR / self.gpus if self.gpus else 0.0
        )

    def _is_late(self, status: BrokerStatus) -> bool:
        """Whether the next step would end after a budget of hours."""
        if self.budget is None or self.budget.unit != "h":
            return False
        return self.spent.left_of(self.budget) * HOUR <= status.next_seconds

    def _stopped(self, status: BrokerStatus) -> str:
        """Why the sweep ends: its budget covers no further step, and nothing runs."""
        if self.budget is None or status.count("running") or not status.count(*UNFINISHED):
            return ""
        late = self._is_late(status)
        if not late and (self.paused or self.budget.unit == "h" or not status.stalled):
            return ""
        return f"the budget of {self.budget} covers no further step: {self.words} are spent"

    def _notes(self) -> tuple[str, ...]:
        spent = (f"budget: {self.words} spent",) if self.budget is not None else ()
        return (*spent, *self._saving.notes)

    def _save_when_due(self) -> None:
        spent, saved = self.spent, self._saved
        if saved is None or spent.steps != saved.steps or spent.seconds >= saved.seconds + SAVE_SECONDS:
            with self._saving.noted():
                self.save(spent)
                self._saved = spent
