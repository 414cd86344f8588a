"""The training schedule of one stage: updates, batch size, learning rate, precision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from atlas.learners.settings import UNSAID, from_settings
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import counted

if TYPE_CHECKING:
    from pydantic import JsonValue

DECAYS = ("linear", "cosine", "constant")
Precision = Literal["float32", "bfloat16", "float16"]
AskedPrecision = Literal["auto", "float32", "bfloat16", "float16"]
FASTEST = 1e36  # beyond it a rate is no float32 any more
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The optimisation of one stage (METHOD: AdamW with linear warm-up and decay; the defaults are the paper's).

    `steps` counts optimiser updates and, where given, wins over `epochs`. `batch_size` is global: all workers of
    a fleet and all `accumulate` micro-batches together. `patience` stops a stage once the validation score has not
    risen in that many evaluations, one each `evaluate_every` updates, and keeps the best state. `max_gradient_norm`
    bounds the norm of all gradients of an update together, which are scaled down to it; None leaves them as they are.

    `branches` are the lengths, in updates, of schedules that are alike but for it (`lengths` makes them): at a constant
    rate without warm-up the longer ones go on where the shorter ones end, with the same result as from the start.

    Raises UserError for a value out of its range.
    """

    steps: int | None = None
    epochs: float = 20.0
    batch_size: int = 128
    learning_rate: float = 5e-4
    query_rate_factor: float = 100.0
    warmup: float = 0.1
    decay: Literal["linear", "cosine", "constant"] = "linear"
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-4
    accumulate: int = 1
    patience: int | None = None
    evaluate_every: int = 100
    precision: Precision = "float32"
    max_gradient_norm: float | None = field(default=None, metadata={UNSAID: True})
    branches: tuple[int, ...] = field(default=(), metadata={UNSAID: True})

    def __post_init__(self) -> None:
        if self.steps is not None:
            _at_least("steps", self.steps, 0)
        _above("epochs", self.epochs, 0)
        _at_least("batch_size", self.batch_size, 1)
        _above("learning_rate", self.learning_rate, 0)
        if self.learning_rate * self.query_rate_factor > FASTEST:
            raise UserError(
                f"learning_rate is {self.learning_rate}, {self.query_rate_factor} times that for queries; "
                f"give a rate of at most {FASTEST:g} in all (the paper: 5e-4, 100 times that)."
            )
        _above("query_rate_factor", self.query_rate_factor, 0)
        _at_least("accumulate", self.accumulate, 1)
        _at_least("evaluate_every", self.evaluate_every, 1)
        if self.patience is not None:
            _at_least("patience", self.patience, 1)
        if self.max_gradient_norm is not None:
            _above("max_gradient_norm", self.max_gradient_norm, 0)
        if not 0 <= self.warmup <= 1:
            raise UserError(f"warmup is {self.warmup}; give the share of updates spent warming up, 0 to 1.")
        if self.batch_size % self.accumulate:
            raise UserError(
                f"batch_size {self.batch_size} cannot be cut into {self.accumulate} equal micro-batches; "
                f"choose an `accumulate` that divides it."
            )
        if self.decay not in DECAYS:
            raise unknown("decay", self.decay, DECAYS)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.branches:
            self._check_branches()

    def _check_branches(self) -> None:
        if self.decay != "constant" or self.warmup or self.patience is not None:
            seen = f"decay {self.decay}, warmup {self.warmup} and patience {self.patience}"
            raise UserError(
                f"branches are {self.branches} of a schedule with {seen}; lengths share updates at a constant rate "
                "alone, without warmup and patience."
            )
        rising = list(self.branches) == sorted(set(self.branches))
        if not rising or self.steps not in self.branches or self.branches[0] < 1:
            raise UserError(
                f"branches are {self.branches}, steps {self.steps}; give whole numbers of 1 or more, each once, the "
                "smallest first, steps among them."
            )

    def updates(self, records: int) -> int:
        """The number of optimiser updates over a training split of `records` records."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil(self.epochs * records / self.batch_size))

    def check_shared_by(self, workers: int) -> None:
        """Raises UserError where so many workers cannot share a batch equally.

        Unequal shares would weigh records differently, and an empty one has no loss.
        """
        if self.batch_size % (workers * self.accumulate):
            raise UserError(
                f"batch_size {self.batch_size} cannot be shared by {counted(workers, 'worker')} in {self.accumulate} "
                f"equal "
                f"micro-batches; give a multiple of {workers * self.accumulate}."
            )

    def times(self, factor: float) -> Schedule:
        """The same schedule, that many times as long."""
        steps = None if self.steps is None else _times(self.steps, factor)
        branches = tuple(sorted({_times(one, factor) for one in self.branches}))
        return replace(self, steps=steps, epochs=factor * self.epochs, branches=branches)

    def lengths(self, factors: Sequence[float]) -> dict[float, Schedule]:
        """The same schedule as many times as long as each factor says: they share their updates where they can."""
        made = {factor: self.times(factor) for factor in factors}
        if self.decay != "constant" or self.warmup or self.patience is not None or not self.steps:
            return made
        branches = tuple(sorted({one.steps for one in made.values() if one.steps is not None}))
        # `epochs`, over which steps win, would tell them apart
        return {factor: replace(one, branches=branches, epochs=self.epochs) for factor, one in made.items()}

    @property
    def longest(self) -> Schedule:
        """The longest of the schedules that it shares its updates with; often itself."""
        return replace(self, steps=self.branches[-1]) if self.branches else self

    def rate(self, update: int, updates: int) -> float:
        """The learning rate's factor, in [0, 1], at `update` (0-based) of `updates`."""
        warm = math.ceil(self.warmup * updates)
        if update < warm:
            return (update + 1) / warm
        done = (update - warm) / max(1, updates - warm)
        if self.decay == "linear":
            return 1.0 - done
        return 1.0 if self.decay == "constant" else 0.5 * (1.0 + math.cos(math.pi * done))


def _times(steps: int, factor: float) -> int:
    return max(1, round(factor * steps)) if steps else 0


def schedule_from(values: Mapping[str, JsonValue]) -> Schedule:
    """A schedule from a plain mapping. Raises UserError for a name that no schedule has."""
    return from_settings(Schedule, values, "schedule")


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise UserError(f"{name} is {value}; give a number of {least} or more.")


def _above(name: str, value: float, bound: float) -> None:
    if not (math.isfinite(value) and value > bound):
        raise UserError(f"{name} is {value}; give a number above {bound}.")
