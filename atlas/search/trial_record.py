"""A trial as the search's callback saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from atlas.config.learners import OWN_LEARNER
from atlas.config.space import AFTER
from atlas.search.trainable import walks_of
from atlas.steps.walk import Walk


@dataclass
class TrialRecord:
    """One trial so far: its walks, the keys of the steps taken by each, its objective and figures."""

    id: str
    config: dict[str, Any]
    status: str = "RUNNING"
    steps: list[list[str]] = field(default_factory=list)
    objective: float | None = None
    tasks_seen: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def walks(self) -> list[Walk]:
        """The trial's walks."""
        return walks_of(self.config)

    @property
    def settings(self) -> dict[str, Any]:
        """What was searched beside the order: the suggested parameters."""
        return {
            name: value
            for name, value in self.config.items()
            if name not in ("learner_settings", OWN_LEARNER, "orders", "seeds", "probes") and not name.startswith(AFTER)
        }

    @property
    def params(self) -> dict[str, Any]:
        """What it tries, as plain JSON."""
        walks = self.walks
        orders = list(dict.fromkeys(walk.order for walk in walks))
        return {
            **({"order": list(orders[0])} if len(orders) == 1 else {"orders": [" > ".join(order) for order in orders]}),
            "seeds": sorted({walk.seed for walk in walks}),
            **self.settings,
            "learner": walks[0].learner.settings(),
        }

    def scope(self, sharing: bool) -> str:
        """Where in the store the trial's steps are: among all others, or apart where nothing is shared."""
        return "" if sharing else f"private/{self.id}"
