"""A probe: few-shot training of a downstream task on the model at the end of an order; no order continues from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from atlas.data.few_shot import Shots
from atlas.learners.downstream import Way
from atlas.runtime.errors import AtlasError, UserError
from atlas.steps.step import describe_shots

if TYPE_CHECKING:
    from atlas.storage.step_result import ShotsDescription


class ProbeDescription(TypedDict):
    """A probe as plain JSON values."""

    task: str
    way: Way
    shots: ShotsDescription | None


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Training of `task` in one `way` on its `shots` (None: all of its training split)."""

    task: str
    way: Way
    shots: Shots | None = None

    @property
    def label(self) -> str:
        """E.g. `vcr-twin, both, 64 records`."""
        return f"{self.task}, {self.way}, {self.shots.describe() if self.shots else 'all records'}"

    def describe(self) -> ProbeDescription:
        """The probe as plain JSON values; `probe_from` is the inverse."""
        return {"task": self.task, "way": self.way, "shots": describe_shots(self.shots)}


def probe_from(description: ProbeDescription) -> Probe:
    """The probe of `Probe.describe`."""
    shots = description["shots"]
    return Probe(task=description["task"], way=description["way"], shots=Shots(**shots) if shots else None)


def shots_from(text: str) -> Shots | None:
    """Shots from `64`, `16/class`, `5%` or `all` (None). Raises UserError for anything else."""
    if text == "all":
        return None
    number, per_class = text.removesuffix("/class"), text.endswith("/class")
    try:
        if number.endswith("%"):
            return Shots(fraction=float(number[:-1]) / 100, per_class=per_class)
        return Shots(count=int(number), per_class=per_class)
    except ValueError as error:
        if isinstance(error, AtlasError):
            raise
        raise UserError(
            f"--shots {text!r} is neither a number, N/class, N% nor all; e.g. --shots 64 16/class 5%."
        ) from None
