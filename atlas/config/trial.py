"""The configuration of a trial: the walks that it takes, and the parameters that were suggested for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atlas.config.learners import OWN_LEARNER, own_class
from atlas.config.space import AFTER, Order
from atlas.learners import Learner, learner_from
from atlas.steps.beyond import Beyond, beyond_from
from atlas.steps.probe import Probe, probe_from
from atlas.steps.walk import Walk

LEARNER, ORDERS, SEEDS, PROBES, BEYOND = "learner_settings", "orders", "seeds", "probes", "scored_beyond"
REFUSED, INFEASIBLE = "trial_refused", "trial_infeasible"
BEGUN_AS, REPLACES = "begun_as", "replaces"  # the trial of an interrupted run that this one goes on with, or replaces
OWN_SETTINGS = frozenset({LEARNER, OWN_LEARNER, ORDERS, SEEDS, PROBES, BEYOND, REFUSED, INFEASIBLE, BEGUN_AS, REPLACES})
RESERVED = OWN_SETTINGS | {"order"}
"""Names of a trial's own settings, which no suggested parameter may have; `order` is one of MLflow's parameters."""
Parameter = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """One learner along each of the orders, once a seed, with the probes at the end of each.

    `parameters` are the values that the sampler suggested, by name; the sampler's own choices of an order's next task
    are not among them. `beyond`: the scores that walks take beside those of the tasks learnt so far. `refused` is why
    the space proposed no trial: the rest stands in for it. `infeasible` is why the trial is not trained: the constraint
    that it would miss.
    """

    learner: Learner
    orders: tuple[Order, ...]
    seeds: tuple[int, ...]
    probes: tuple[Probe, ...] = ()
    beyond: Beyond | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    refused: str = ""
    infeasible: str = ""

    def walks(self) -> list[Walk]:
        """The walks of the trial, by order, then by seed."""
        return [
            Walk(order=order, learner=self.learner, seed=seed, probes=self.probes, beyond=self.beyond)
            for order in self.orders
            for seed in self.seeds
        ]

    def to_tune(self) -> dict[str, Any]:
        """The configuration as Tune's: plain values, and the class of a user-defined learner.

        Raises UserError for a learner that neither the catalogue nor a file gave.
        """
        return {
            **self.parameters,
            LEARNER: self.learner.settings(),
            **own_class(self.learner),
            ORDERS: [list(order) for order in self.orders],
            SEEDS: list(self.seeds),
            PROBES: [probe.describe() for probe in self.probes],
            **({BEYOND: self.beyond.describe()} if self.beyond else {}),
            **({REFUSED: self.refused} if self.refused else {}),
            **({INFEASIBLE: self.infeasible} if self.infeasible else {}),
        }


def trial_config_from(config: Mapping[str, Any]) -> TrialConfig:
    """The configuration that `TrialConfig.to_tune` gave to Tune, which adds the suggested parameters.

    Raises UserError for a learner or a setting that is not known.
    """
    return TrialConfig(
        learner=learner_from(config[LEARNER], config.get(OWN_LEARNER)),
        orders=tuple(tuple(order) for order in config[ORDERS]),
        seeds=tuple(config[SEEDS]),
        probes=tuple(probe_from(description) for description in config.get(PROBES, ())),
        beyond=beyond_from(config[BEYOND]) if BEYOND in config else None,
        refused=config.get(REFUSED, ""),
        infeasible=config.get(INFEASIBLE, ""),
        parameters={
            name: value for name, value in config.items() if name not in OWN_SETTINGS and not name.startswith(AFTER)
        },
    )
