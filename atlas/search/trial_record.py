"""The record of a trial, as the search's callback keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from atlas.config.trial import Parameter, TrialConfig
from atlas.steps.walk import Walk

TrialStatus = Literal["RUNNING", "FINISHED", "PRUNED", "FAILED", "KILLED"]


@dataclass
class TrialRecord:
    """One trial so far: its configuration, the keys of each walk's finished steps, its objective and figures.

    A trial is `PRUNED` where the scheduler stopped it before its last report, and `FINISHED` after that. `stopped` says
    what ended one before its time. `infeasible`: the constraint that it misses.
    """

    id: str
    config: TrialConfig
    status: TrialStatus = "RUNNING"
    steps: list[list[str]] = field(default_factory=list)
    objective: float | None = None
    tasks_seen: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    complete: bool = False
    error: str = ""
    stopped: str = ""
    infeasible: str = ""

    @property
    def may_win(self) -> bool:
        """Whether it may be the best: it has finished, and keeps to the constraints."""
        return self.status == "FINISHED" and not self.infeasible

    @property
    def walks(self) -> list[Walk]:
        """The trial's walks."""
        return self.config.walks()

    @property
    def settings(self) -> Mapping[str, Parameter]:
        """The suggested parameters, the order's tasks apart."""
        return self.config.parameters

    @property
    def params(self) -> dict[str, JsonValue]:
        """The order or orders, seeds, suggested parameters and learner, as plain JSON: MLflow's parameters."""
        orders = list(dict.fromkeys(self.config.orders))
        return {
            **({"order": list(orders[0])} if len(orders) == 1 else {"orders": [" > ".join(order) for order in orders]}),
            "seeds": [*sorted(set(self.config.seeds))],
            **self.settings,
            "learner": self.config.learner.settings(),
        }

    def scope(self, sharing: bool) -> str:
        """The scope of the trial's steps in the store: common to all trials, or its own where nothing is shared."""
        return "" if sharing else f"private/{self.id}"
