"""The training schedule of one stage: updates, batch size, learning rate, precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
        steps = None if self.steps is None else max(1, round(factor * self.steps)) if self.steps else 0
        return replace(self, steps=steps, epochs=factor * self.epochs)

    def rate(self, update: int, updates: int) -> float:
        """The learning rate's factor, in [0, 1], at `update` (0-based) of `updates`."""
        warm = math.ceil(self.warmup * updates)
        if update < warm:
            return (update + 1) / warm
        done = (update - warm) / max(1, updates - warm)
        if self.decay == "linear":
            return 1.0 - done
        return 1.0 if self.decay == "constant" else 0.5 * (1.0 + math.cos(math.pi * done))


def schedule_from(values: Mapping[str, JsonValue]) -> Schedule:
    """A schedule from a plain mapping. Raises UserError for a name that no schedule has."""
    return from_settings(Schedule, values, "schedule")


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise UserError(f"{name} is {value}; give a number of {least} or more.")


def _above(name: str, value: float, bound: float) -> None:
    if not (math.isfinite(value) and value > bound):
        raise UserError(f"{name} is {value}; give a number above {bound}.")
