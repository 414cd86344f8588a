"""The allowance of a broker: how much it may have trained, by its own count, before it leases no more steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from atlas.execution.step_costs import StepCosts
from atlas.steps.step import Step

FEW = 8  # queued steps for each fleet
MOST = 64  # that are compared for a lease


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The terms on which a broker leases steps; None is without end.

    `steps` and `seconds` (of training) bound what it has trained since it started and trains now, its next lease
    included. `paused`: none is leased for now. `step_seconds` is the cost of a step while none has been trained.
    """

    paused: bool = False
    steps: int | None = None
    seconds: float | None = None
    step_seconds: float = 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether what is trained counts."""
        return self.steps is not None or self.seconds is not None


UNBOUNDED = Allowance()


@dataclass
class Meter:
    """What a broker has trained, and whether its allowance covers one more step. Without an allowance none is leased.

    `changed` is called where that may have changed.
    """

    allowance: Allowance | None
    changed: Callable[[], None]
    trained: int = 0
    seconds: float = 0.0
    _costs: StepCosts = field(default_factory=StepCosts)

    def allow(self, allowance: Allowance) -> None:
        """Take over the terms."""
        self.allowance = allowance
        self.changed()

    def add(self, step: Step, seconds: float) -> None:
        """Take note that a step was trained, in so many seconds."""
        self.trained += 1
        self.seconds += seconds
        self._costs.add(step, seconds)
        if self.allowance is not None and self.allowance.is_bounded:
            self.changed()

    def estimate(self, step: Step) -> float:
        """The expected seconds of training a step."""
        known = self._costs.estimate(step)
        return known if known is not None else (self.allowance.step_seconds if self.allowance else 0.0)

    def total(self, steps: Iterable[Step]) -> float:
        """The expected seconds of training steps one after another."""
        return sum(map(self.estimate, steps))

    def few(self, fleets: int) -> int:
        """How few queued steps are leased by what waits for them, so that fleets end together, not by their age.

        None under a bounded allowance: the walks that were begun first should end within it.
        """
        bounded = self.allowance is not None and self.allowance.is_bounded
        return 0 if bounded else min(FEW * fleets, MOST)

    def covers(self, step: Step, training: Iterable[Step]) -> bool:
        """Whether a step may be leased, while those of `training` are."""
        allowed = self.allowance
        if allowed is None or allowed.paused:
            return False
        if not allowed.is_bounded:
            return True
        leased = [*training, step]
        if allowed.steps is not None and self.trained + len(leased) > allowed.steps:
            return False
        return allowed.seconds is None or self.seconds + sum(map(self.estimate, leased)) <= allowed.seconds
