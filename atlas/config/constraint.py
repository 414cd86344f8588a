"""Constraints on trials: a cost or a figure that a trial may have at most, or has to have at least."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from atlas.metrics import METRICS
from atlas.runtime.errors import UserError, unknown

PARAMETERS, SECONDS = "trained_parameters", "seconds"
_WRITTEN = re.compile(r"([\w-]+)=(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(%?)")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A bound of a value of a trial, kept where it is equal to it.

    name: `trained_parameters`, the most that a step trains; `seconds` of training, as if nothing were shared; or a
    metric after the last task (val, route latest). `least`: the value has to be as high, else as low. `share`: the
    bound is in percent of the backbone's parameters.
    """

    name: str
    bound: float
    least: bool = False
    share: bool = False

    @classmethod
    def parse(cls, text: str, *, least: bool) -> Constraint:
        """The constraint that is written as `trained_parameters=2%` or `forgetting=3`.

        Raises UserError for any other text, an unknown name, and a share of something else than parameters.
        """
        flag = "--at-least" if least else "--at-most"
        if (found := _WRITTEN.fullmatch(text.replace(" ", ""))) is None:
            raise UserError(f"{flag} is {text!r}; give NAME=VALUE, such as {PARAMETERS}=2% or forgetting=3.")
        name = found[1].replace("-", "_")
        if name not in (names := constrained_names()):
            raise unknown(f"figure of {flag}", name, names)
        if found[3] and name != PARAMETERS:
            raise UserError(
                f"{flag} is {text!r}, but only {PARAMETERS} has a share of the backbone's; give {name} without %."
            )
        bound = float(found[2])
        if not math.isfinite(bound) or (name in (PARAMETERS, SECONDS) and bound <= 0):
            raise UserError(f"{flag} is {text!r}, which is out of range; give more than 0.")
        return cls(name=name, bound=bound, least=least, share=bool(found[3]))

    @property
    def needs_training(self) -> bool:
        """Whether its value is known only after a trial."""
        return self.name != PARAMETERS

    def excess(self, value: float, whole: int) -> float:
        """By how much a value misses the bound, in the bound's unit; 0 or less where it keeps it.

        whole: the number of the backbone's parameters.
        """
        difference = self._in_unit(value, whole) - self.bound
        return -difference if self.least else difference

    def missed(self, value: float, whole: int) -> str:
        """What a value is, and was to be, in words."""
        word = "at least" if self.least else "at most"
        return f"{self.name} is {self.shown(value, whole)}, {word} {self._number(self.bound)} is asked for"

    def shown(self, value: float, whole: int) -> str:
        """A value in the bound's unit, rounded so that it keeps its side: what the bound would have to be."""
        power = 10.0 ** (2 if self.share else 1)
        scaled = self._in_unit(value, whole) * power
        return self._number((math.floor(scaled) if self.least else math.ceil(scaled)) / power)

    def _in_unit(self, value: float, whole: int) -> float:
        return 100 * value / whole if self.share else value

    def _number(self, value: float) -> str:
        return f"{value:,.12g}{'%' if self.share else ''}"

    def __str__(self) -> str:
        """As `parse` reads it, with its option."""
        bound = f"{self.bound:.12g}{'%' if self.share else ''}"
        return f"{'--at-least' if self.least else '--at-most'} {self.name}={bound}"


def constrained_names() -> tuple[str, ...]:
    """The names of the values that a constraint may bound: those that every report of a trial has."""
    metrics = (one.name for one in METRICS.values() if "latest" in one.routes and "tracking" in one.shown)
    return (PARAMETERS, SECONDS, *metrics)


def constraints_from(at_most: tuple[str, ...], at_least: tuple[str, ...]) -> tuple[Constraint, ...]:
    """The constraints of the two options. Raises UserError as `parse`, and for a bound that is given twice."""
    found = [
        Constraint.parse(text, least=least) for least, some in ((False, at_most), (True, at_least)) for text in some
    ]
    bounds: Mapping[tuple[str, bool], Constraint] = {(one.name, one.least): one for one in found}
    if len(bounds) < len(found):
        raise UserError(f"{' '.join(map(str, found))} bound one figure twice; give each bound once.")
    for one in found:
        other = bounds.get((one.name, not one.least))
        if other is not None and one.least and one.share == other.share and one.bound > other.bound:
            raise UserError(f"{one} and {other} leave no value between them; give a lower {one.name} to --at-least.")
    return tuple(found)
