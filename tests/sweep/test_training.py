"""The training of a sweep: calls go to fleets that live, and closing ends both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from atlas.execution.fleets import Fleets, FleetsState
from atlas.sweep.broker_actor import BrokerActor
from atlas.sweep.training import Training


class Parts:
    """A broker and fleets that note what is asked of them."""

    def __init__(self, living: int) -> None:
        self.state = FleetsState(started=True, living=living)
        self.closed = self.joined = 0
        self.client = SimpleNamespace(run_last=lambda function: ("promise", function))

    def close(self) -> None:
        self.closed += 1

    def join(self, seconds: float) -> None:
        assert self.closed, "the fleets are waited for before they know that the sweep ends"
        self.joined += 1


def training(living: int) -> tuple[Training, Parts, Parts]:
    broker, fleets = Parts(living), Parts(living)
    return Training(cast(BrokerActor, broker), cast(Fleets, fleets)), broker, fleets


def test_a_call_goes_to_a_living_fleet_and_is_none_without_one() -> None:
    alive, _, _ = training(living=1)
    assert cast(Any, alive.run_last(print)) == ("promise", print)
    ended, _, _ = training(living=0)
    assert ended.run_last(print) is None


def test_the_context_closes_broker_and_fleets_also_after_an_error() -> None:
    whole, broker, fleets = training(living=1)
    with pytest.raises(ValueError, match="in the search"), whole:
        raise ValueError("in the search")
    assert (broker.closed, fleets.closed) == (1, 1)
    assert fleets.joined == 1  # or Ray's shutdown may end the process before the error is shown


def test_the_context_waits_for_no_fleet_at_its_end_and_at_a_second_interrupt() -> None:
    whole, _, fleets = training(living=1)
    with whole:
        pass
    with pytest.raises(KeyboardInterrupt), whole:
        raise KeyboardInterrupt
    assert fleets.joined == 0
