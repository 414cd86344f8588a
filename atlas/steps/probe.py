"""A probe: a downstream task, learnt from few samples on what an order has left behind; no order goes on from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from atlas.data.few_shot import Shots
from atlas.learners import TwoStage
from atlas.learners.downstream import Way, downstream_stages
from atlas.runtime.errors import AtlasError
from atlas.steps.step import Step, StepInputs


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Learn `task` in one `way` from its `shots` (None: all of its training split)."""

    task: str
    way: Way
    shots: Shots | None = None

    @property
    def label(self) -> str:
        """E.g. `vcr-twin, both, 64 records`."""
        return f"{self.task}, {self.way}, {self.shots.describe() if self.shots else 'all records'}"

    def steps(self, parent: Step | None, like: TwoStage, seed: int, step_inputs: StepInputs) -> list[Step]:
        """The stages by which it is learnt on top of `parent`, the last step of an order; None: the bare backbone."""
        found: list[Step] = []
        for stage in downstream_stages(like, self.way, bare=parent is None):
            parent = Step(
                task=self.task,
                stage=stage,
                seed=seed,
                backbone=step_inputs.backbone,
                data=step_inputs.data[self.task],
                evaluation=step_inputs.evaluation,
                parent=parent,
                shots=self.shots,
                downstream=True,
            )
            found.append(parent)
        return found

    def describe(self) -> dict[str, Any]:
        """The probe as plain JSON values; `probe_from` is the inverse."""
        return asdict(self)


def probe_from(facts: Mapping[str, Any]) -> Probe:
    """The probe that `Probe.describe` described."""
    shots = facts["shots"]
    return Probe(task=facts["task"], way=facts["way"], shots=Shots(**shots) if shots else None)


def shots_from(text: str) -> Shots | None:
    """`64`, `16/class`, `5%` or `all`, as people write it. Raises AtlasError for anything else."""
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
        raise AtlasError(
            f"--shots {text!r} is neither a number, N/class, N% nor all; e.g. --shots 64 16/class 5%."
        ) from None
