"""A waypoint: all that a stage is in the middle of, from which it is learnt on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from atlas.learners.group import Group

if TYPE_CHECKING:
    from atlas.learners.fit import Curve, Trainer

COUNTERS = ("last_epoch", "_step_count")  # all that changes of a LambdaLR but its rates, which are the optimiser's


@dataclass(frozen=True, kw_only=True)
class Waypoint:
    """A stage after some of its updates: `facts` are plain JSON values, `tensors` have names.

    Of the tensors, `weight/<parameter>` are what is trained, `moment/<number>/<name>` the optimiser's,
    `best/<parameter>` the best state so far where a stage may stop early, and `random` [workers, bytes] the generators
    of every process.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


class Waypoints:
    """Where the waypoints of one step are kept; these keep none. Every process of a fleet asks at the same updates.

    `resumed_at` are the updates from which the step was learnt on, `spent` the seconds that it was learnt before.
    """

    resumed_at: Sequence[int] = ()
    spent: float = 0.0

    def load(self) -> Waypoint | None:
        """The newest one, the same on every process; None where there is none to go on from."""
        return None

    def due(self, update: int) -> bool:
        """Whether to save one now, after `update` updates: the same answer on every process."""
        return False

    def save(self, waypoint: Waypoint) -> None:
        """Keep it, in the place of those before."""

    def finish(self) -> None:
        """The step is committed: none is needed any more."""

    def facts(self) -> dict[str, Any]:
        """What the step's facts say of them."""
        return {"resumed_at": list(self.resumed_at)} if self.resumed_at else {}


NOWHERE = Waypoints()


def capture(trainer: Trainer, curve: Curve) -> Waypoint:
    """The stage as it is between two updates. Every process calls it, since each has random numbers of its own."""
    state = trainer.optimizer.state_dict()
    facts = {
        "updates": curve.updates,
        "records": curve.records,
        "losses": curve.losses,
        "patience": curve.patience.facts(),
        "rates": [group["lr"] for group in state["param_groups"]],
        "scheduler": {name: trainer.scheduler.state_dict()[name] for name in COUNTERS},
        "scaler": trainer.scaler.state_dict(),
    }
    moments = {
        f"moment/{number}/{name}": value for number, held in state["state"].items() for name, value in held.items()
    }
    tensors = {
        **_named("weight", trainer.trained()),
        **moments,
        **_named("best", curve.patience.best()),
        "random": trainer.group.gather(_random(trainer.group)),
    }
    return Waypoint(facts=facts, tensors={name: value.detach().cpu() for name, value in tensors.items()})


def resume(trainer: Trainer, curve: Curve, waypoint: Waypoint) -> None:
    """The inverse of `capture`: put a stage that has just begun where it was then. Random numbers come last."""
    facts, tensors = waypoint.facts, waypoint.tensors
    for name, parameter in trainer.trained():
        parameter.data.copy_(tensors[f"weight/{name}"])
    _set_optimizer(trainer, facts["rates"], tensors)
    trainer.scheduler.load_state_dict(
        {**trainer.scheduler.state_dict(), **facts["scheduler"], "_last_lr": facts["rates"]}
    )
    trainer.scaler.load_state_dict(facts["scaler"])
    curve.updates, trainer.records = facts["updates"], facts["records"]
    curve.records = facts["records"]
    curve.losses = [(update, loss) for update, loss in facts["losses"]]
    curve.patience.resume(facts["patience"], _under("best", tensors))
    random = tensors["random"]
    _set_random(trainer.group, random[trainer.group.rank % len(random)])  # of a smaller group some are used twice


def _set_optimizer(trainer: Trainer, rates: Iterable[float], tensors: Mapping[str, Tensor]) -> None:
    held: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("moment", tensors).items():
        number, _, what = name.partition("/")
        held.setdefault(int(number), {})[what] = value.clone()
    groups = trainer.optimizer.state_dict()["param_groups"]
    groups = [{**group, "lr": rate} for group, rate in zip(groups, rates, strict=True)]
    trainer.optimizer.load_state_dict({"state": held, "param_groups": groups})


def _random(group: Group) -> Tensor:
    """The states of this process's generators, one after another: uint8 [bytes]."""
    states = [torch.get_rng_state()]
    if group.device.type == "cuda":
        states.append(torch.cuda.get_rng_state(group.device))
    return torch.cat(states)


def _set_random(group: Group, states: Tensor) -> None:
    size = len(torch.get_rng_state())
    torch.set_rng_state(states[:size].clone())
    if group.device.type == "cuda":
        torch.cuda.set_rng_state(states[size:].clone(), group.device)


def _named(what: str, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{what}/{name}": value for name, value in tensors}


def _under(what: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors named `what/…`, without that."""
    return {name.removeprefix(f"{what}/"): value for name, value in tensors.items() if name.startswith(f"{what}/")}
