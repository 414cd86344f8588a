"""A fleet of one worker waits for nobody: the stand-in for Ray Train's synchronization actor."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest
import ray
from ray.train.v2._internal.execution import collective_impl, context
from ray.train.v2._internal.execution.worker_group import state, worker_group

from atlas.cluster.lone_worker import LoneSynchronization, LoneWorker


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller's process whose run has begun; Ray's own parts are put back after the test."""
    monkeypatch.setattr(worker_group, "SynchronizationActor", worker_group.SynchronizationActor)
    monkeypatch.setattr(state, "_shutdown_sync_actor", state._shutdown_sync_actor)
    LoneWorker().after_controller_start(None)


@pytest.mark.usefixtures("controller")
def test_the_controller_makes_the_stand_in_as_it_makes_the_actor_and_ends_it_where_no_process_is() -> None:
    made = worker_group.SynchronizationActor.options(label_selector={}).remote(timeout_s=1.0, warn_interval_s=1.0)
    assert isinstance(made, LoneSynchronization)
    state._shutdown_sync_actor(made)


def test_an_actor_that_ray_made_after_all_is_ended_by_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[object] = []
    monkeypatch.setattr(worker_group, "SynchronizationActor", worker_group.SynchronizationActor)
    monkeypatch.setattr(state, "_shutdown_sync_actor", ended.append)
    LoneWorker().after_controller_start(None)
    state._shutdown_sync_actor(LoneSynchronization())
    state._shutdown_sync_actor("an actor")  # type: ignore[arg-type]
    assert ended == ["an actor"]


def test_a_worker_that_it_was_sent_to_is_answered_with_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "put", lambda value: ("promised", value))
    sent = pickle.loads(pickle.dumps(LoneSynchronization.options().remote()))
    said = {"world_rank": 0, "world_size": 1, "caller_method_name": "x", "collective_seq": 3, "relaxable": True}
    assert sent.broadcast_from_rank_zero.remote(**said, data="notice") == ("promised", "notice")
    assert sent.set_required_ranks.remote([0]) == ("promised", None)  # not applied: there is nothing to relax
    assert sent.reset.remote() == ("promised", None)


def test_rays_workers_and_controllers_call_nothing_else_of_the_actor() -> None:
    sources = "".join(inspect.getsource(module) for module in (worker_group, context, collective_impl))
    called = set(re.findall(r"sync_actor\.(\w+)\.remote", sources))
    assert called == {"broadcast_from_rank_zero", "set_required_ranks", "reset"}
    assert called <= set(dir(LoneSynchronization))
    assert "SynchronizationActor.options(" in sources
    assert inspect.getsource(state).count("_shutdown_sync_actor(self.sync_actor)") == 2
