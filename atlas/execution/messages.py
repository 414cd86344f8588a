"""The broker's answers beside results and status: steps travel as keys, and as nodes to those who lack them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from atlas.execution.fleet_calls import FleetCall
from atlas.execution.step_registry import StepNode


@dataclass(frozen=True)
class Unknown:
    """The answer to keys that the broker does not know, as after its restart: describe the steps, then call again."""

    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The lease of a step to a fleet. `nodes` are those of the step and its ancestors that the fleet was not sent."""

    key: str
    scope: str
    nodes: tuple[StepNode, ...]


# What a fleet gets that asks for a step: None where there is nothing yet, "close" when the broker has closed.
Order: TypeAlias = Grant | FleetCall | Literal["close"] | None
