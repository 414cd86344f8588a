"""Feasibility of trials: whether they keep to the constraints of a sweep, before they are trained and after.

Optuna is told by `Trial.set_constraint`, which its samplers (TPE, NSGA-II, its Gaussian process) and `study.best_trial`
know: above 0 where a constraint is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from atlas.config.constraint import PARAMETERS, SECONDS, Constraint
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.search.trial_report import COSTS, FIGURES, numbers_from
from atlas.steps.walk import Walk

if TYPE_CHECKING:
    from atlas.learners import Learner


class Counter(Protocol):
    """A `ParameterCounter`, as far as trials are judged by it."""

    @property
    def backbone(self) -> int:
        """The number of the backbone's parameters."""

    def trained(self, learner: Learner, order: Sequence[str]) -> int:
        """The most parameters that one step trains."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict over a trial: by how much it exceeds each constraint, by its text, of those known; and the reason
    why it is infeasible, empty where it is not.
    """

    excess: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


@dataclass
class Feasibility:
    """Judges trials by constraints. `make_counter` is called where one of them is about parameters.

    `nearest`: by the name of a constraint, the value that misses it least, of the `judged` trials: those whose
    parameters were counted before their training.
    """

    constraints: tuple[Constraint, ...] = ()
    make_counter: Callable[[], Counter] | None = None
    nearest: dict[str, float] = field(default_factory=dict)
    judged: int = 0
    _counter: Counter | None = None

    def __reduce__(self) -> tuple[type[Feasibility], tuple[()]]:
        """Tune saves it with its own state, and nobody restores that: a new one judges nothing."""
        return Feasibility, ()

    def before(self, walks: Sequence[Walk]) -> Verdict:
        """The verdict over a trial that has not been trained, by what is known of it."""
        if all(one.needs_training for one in self.constraints):
            return self._judge({})
        values = {PARAMETERS: float(max(self._counted().trained(walk.learner, walk.order) for walk in walks))}
        self._note(values)
        return self._judge(values)

    def after(self, result: Mapping[str, Any]) -> Verdict:
        """The verdict over a trial by its last report.

        A figure without a value misses no constraint.
        """
        costs, figures = numbers_from(result, COSTS), numbers_from(result, FIGURES)
        wanted = {one.name for one in self.constraints} - {PARAMETERS, SECONDS}
        known = {name: figures[f"val/latest/{name}"] for name in wanted if f"val/latest/{name}" in figures}
        return self._judge(known | {name: costs[name] for name in (PARAMETERS, SECONDS) if name in costs})

    def check_possible(self, feasible: int) -> None:
        """Raises UserError where none of the judged trials, so many `feasible` ones, keeps to the constraints."""
        if feasible or not self.nearest:
            return
        one = next(one for one in self.constraints if one.name in self.nearest)
        value = one.shown(self.nearest[one.name], self._whole(one))
        raise UserError(
            f"{one}: none of the {counted(self.judged, 'trial')} looked at keeps to it; "
            f"the nearest has {one.name}={value}: give that or {'less' if one.least else 'more'}."
        )

    def _judge(self, values: Mapping[str, float]) -> Verdict:
        known = [one for one in self.constraints if one.name in values]
        excess = {one: one.excess(values[one.name], self._whole(one)) for one in known}
        reasons = [one.missed(values[one.name], self._whole(one)) for one, by in excess.items() if by > 0]
        return Verdict(excess={str(one): by for one, by in excess.items()}, reason="; ".join(reasons))

    def _note(self, values: Mapping[str, float]) -> None:
        """Keep the values nearest to the bounds, of those beyond them."""
        self.judged += 1
        for one in self.constraints:
            if one.name in values and one.excess(values[one.name], self._whole(one)) > 0:
                nearer = max if one.least else min
                self.nearest[one.name] = nearer(values[one.name], self.nearest.get(one.name, values[one.name]))

    def _whole(self, constraint: Constraint) -> int:
        return self._counted().backbone if constraint.share else 1

    def _counted(self) -> Counter:
        if self._counter is None:
            assert self.make_counter is not None, "constraints on parameters come with a counter"
            self._counter = self.make_counter()
        return self._counter
