from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from runpy import run_path
from typing import Any, cast

import pytest

from atlas.execution.broker_client import BrokerClient
from atlas.execution.fleet_client import FleetClient
from atlas.execution.job import Lease
from atlas.execution.messages import Grant
from atlas.execution.step_registry import nodes_of
from atlas.execution.worker import worker_loop
from atlas.learners.divergence import Diverged
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AccessDenied, StorageUnavailable, UserError
from atlas.steps.loading import MissingParent
from atlas.steps.step import Step
from atlas.steps.train import WrongWorker
from atlas.storage.artifact import CorruptArtifact
from atlas.storage.step_result import StepResult
from tests.execution.fleet import FIRST

GRANT = Grant(key=FIRST.key, scope="", nodes=tuple(nodes_of([FIRST])))


@dataclass
class LeasingBroker:
    """A broker that leases one step and closes; it keeps the failures that it is told of."""

    leases: list[Any] = field(default_factory=lambda: [GRANT, "close"])
    failures: list[tuple[str, bool]] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)

    def lease(self, fleet: str, wait: float) -> Any:
        return self.leases.pop(0)

    def renew(self, *arguments: Any) -> None: ...

    def failed(self, step: Step, scope: str, reason: str, *, final: bool, own: bool = False) -> None:
        self.failures.append((reason, final))
        self.own.append(own)


def failures(
    error: Exception, monkeypatch: pytest.MonkeyPatch, group: ProcessGroup | None = None
) -> tuple[list[tuple[str, bool]], bool]:
    """The failures that a worker reports whose step raises `error`, and whether it went on with the next lease."""
    monkeypatch.setattr("ray.train.collective.broadcast_from_rank_zero", lambda lease: lease)
    broker = LeasingBroker()

    def train(lease: Lease, on_update: Any) -> StepResult:
        raise error

    try:
        worker_loop(FleetClient(cast(BrokerClient, broker), "fleet", group or ProcessGroup()), train)
    except type(error):
        return broker.failures, False
    return broker.failures, broker.leases == []


@pytest.mark.parametrize(
    "error",
    [Diverged("the loss became nan"), UserError("rank is 0"), AccessDenied("the store refuses access")],
    ids=repr,
)
def test_a_step_that_no_worker_can_train_fails_for_good(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(error, monkeypatch) == ([(str(error), True)], True)


@pytest.mark.parametrize(
    "error",
    [
        StorageUnavailable("the store has not answered for 30 minutes"),
        MissingParent("it is not in the store"),
        CorruptArtifact("it is damaged"),
    ],
    ids=repr,
)
def test_a_broken_surrounding_is_never_final_for_a_step(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(error, monkeypatch) == ([(str(error), False)], True)


def test_a_worker_that_is_wrong_for_every_step_ends_and_leaves_them_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failures(WrongWorker("it has another backbone"), monkeypatch) == (
        [("it has another backbone", False)],
        False,
    )


def test_a_worker_that_may_be_damaged_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    (((reason, final),), went_on) = failures(RuntimeError("CUDA error"), monkeypatch)
    assert re.fullmatch(r"RuntimeError: CUDA error \(.*test_worker_errors.py, line \d+\)", reason)
    assert (final, went_on) == (False, False)


@pytest.mark.parametrize("everywhere", [True, False])
def test_in_a_group_a_worker_goes_on_only_after_an_error_that_all_ranks_raised(
    monkeypatch: pytest.MonkeyPatch, everywhere: bool
) -> None:
    """After an error of its own the other ranks may still wait for it in a collective: it ends, and they with it."""
    error = UserError("the record r names a picture that is not there")
    error.everywhere = everywhere
    assert failures(error, monkeypatch, ProcessGroup(size=2)) == ([(str(error), True)], everywhere)


def test_an_error_in_a_users_file_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def train(lease, on_update):\n    scores = {}\n    return scores['digits']\n")
    broker = LeasingBroker()
    with pytest.raises(KeyError):
        worker_loop(FleetClient(cast(BrokerClient, broker), "fleet", ProcessGroup()), run_path(str(file))["train"])
    assert broker.failures == [(f"KeyError: 'digits' ({file}, line 3)", False)]
    assert broker.own == [True]
