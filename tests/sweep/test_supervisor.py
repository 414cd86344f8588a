"""The supervisor's thread over a broker and fleets in this process, and over a real broker on a real Ray."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from atlas.execution.allowance import Allowance
from atlas.execution.fleets import FleetsState
from atlas.execution.status import BrokerStatus
from atlas.sweep import supervision
from atlas.sweep import supervisor as thread
from atlas.sweep.broker_actor import BrokerActor
from atlas.sweep.prefetch import Prefetch
from atlas.sweep.supervision import Snapshot, Steering
from atlas.sweep.supervisor import Supervisor
from tests.execution.fleet import FIRST, SECOND


@dataclass
class World:
    """A broker, its fleets, and all that a supervisor does to them."""

    now: BrokerStatus = field(default_factory=lambda: BrokerStatus(born="first"))
    fleets: FleetsState = field(default_factory=FleetsState)
    errors: list[Exception] = field(default_factory=list)
    stays: bool = False
    missteering: list[BaseException] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    started: int = 0
    given_up: list[str] = field(default_factory=list)
    uploads: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def status(self) -> BrokerStatus:
        """The broker's status, or an error: one each, or with `stays` the first for ever."""
        if self.errors:
            raise self.errors[0] if self.stays else self.errors.pop(0)
        return self.now

    def give_up(self, reason: str) -> None:
        """The broker's."""
        self.given_up.append(reason)

    @property
    def state(self) -> FleetsState:
        """The fleets'."""
        return self.fleets

    def start_if_needed(self, status: BrokerStatus) -> None:
        """The fleets'."""
        if status.count("queued"):
            self.started += 1

    def prefetch(self, status: BrokerStatus) -> bool:
        """Tell a broker that has started since of all steps."""
        if self.told[-1:] == [status.born]:
            return False
        self.told.append(status.born)
        return True

    def upload(self) -> None:
        """Upload the folder, which fails at first."""
        self.uploads += 1
        if self.uploads == 1:
            raise OSError("the object store is away")

    def steer(self, status: BrokerStatus) -> Steering:
        """Keep the budget, which fails as often as there are such errors."""
        if self.missteering:
            raise self.missteering.pop(0)
        return Steering(notes=("budget: 1 of 5 steps spent",))

    def supervisor(self) -> Supervisor:
        """One over all of it."""
        return Supervisor(self, self, self.prefetch, self.upload, self.ended.set, self.steer)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "TICK_SECONDS", 0.001)


def ticks(supervisor: Supervisor, count: int = 2) -> None:
    """Wait for so many snapshots."""
    for _ in range(count):
        supervisor.wait_for(lambda now: True)


def test_fleets_are_started_once_a_step_waits(world: World) -> None:
    with world.supervisor() as supervisor:
        ticks(supervisor)
        assert world.started == 0
        world.now = replace(world.now, states={"queued": 1})
        supervisor.wait_for(lambda now: bool(now.broker.count("queued")))
    assert world.started > 0


def test_a_broker_that_has_started_again_gets_the_known_steps_again(world: World) -> None:
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: now.prefetched)
        world.now = BrokerStatus(born="second")
        supervisor.wait_for(lambda now: now.broker.born == "second" and now.prefetched)
    assert world.told == ["first", "second"]


def test_what_is_shown_before_the_first_look_is_no_older_than_the_supervisor(world: World) -> None:
    before = time.monotonic()
    assert before <= world.supervisor().snapshot.at <= time.monotonic()


def test_the_sweep_is_idle_once_a_broker_that_knows_all_steps_has_none_left(world: World) -> None:
    assert not Snapshot().is_idle
    world.now = BrokerStatus(born="first", states={"running": 1, "done": 1})
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: now.prefetched)
        assert not supervisor.snapshot.is_idle
        world.now = BrokerStatus(born="first", states={"done": 2})
        supervisor.wait_for(lambda now: now.is_idle)


def test_where_no_fleet_is_left_the_broker_is_told_why(world: World) -> None:
    world.fleets = FleetsState(started=True, living=0, failures=("fleet-0: lost", "fleet-0: lost again"))
    with world.supervisor() as supervisor:
        ticks(supervisor)
    assert world.given_up[0] == "no fleet is left: fleet-0: lost; fleet-0: lost again"
    assert supervisor.snapshot.notes[1:] == ("fleets lost so far: 2, the last: fleet-0: lost again",)


def test_an_error_passes_and_is_logged_once_a_row(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.errors += [ConnectionError("http://me:hunter2@host is away"), ConnectionError("and again")]
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: now.prefetched)
        assert (supervisor.snapshot.notes, supervisor.snapshot.failure) == (("budget: 1 of 5 steps spent",), "")
    assert caplog.text.count("supervising the sweep fails: http://***@host is away; trying again") == 1
    assert "and again" not in caplog.text
    assert not world.ended.is_set()


@pytest.mark.parametrize(
    ("error", "limit", "reason"),
    [
        (ValueError("a bad status"), "FAILING_SECONDS", "supervising the sweep fails: a bad status, for 0 s"),
        (TimeoutError("no status"), "SILENT_SECONDS", "the broker does not answer: no status, for 0 s"),
    ],
)
def test_an_error_that_stays_ends_the_search_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, limit: str, reason: str
) -> None:
    monkeypatch.setattr(supervision, limit, 0.01)
    world.errors, world.stays = [error], True
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: False)  # a failure ends this, too
        assert world.ended.wait(30)
    assert supervisor.snapshot.failure == reason
    assert supervisor.snapshot.notes == (reason.removesuffix(", for 0 s"),)


def test_errors_of_one_kind_do_not_count_as_the_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FAILING_SECONDS", 0.0)
    world.errors, world.stays = [TimeoutError("no status")], True
    with world.supervisor() as supervisor:
        ticks(supervisor, 5)
        assert supervisor.snapshot.failure == ""
    assert not world.ended.is_set()


def test_an_error_of_steering_is_noted_and_the_sweep_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervision, "FAILING_SECONDS", 0.0)
    world.now = BrokerStatus(born="first", states={"queued": 1}, allowance=Allowance())
    world.missteering = [OSError(f"no space left for me {number}") for number in range(1000)]
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: now.prefetched)
        assert supervisor.snapshot.notes[0].startswith("steering the sweep fails: no space left for me")
        world.missteering = []
        supervisor.wait_for(lambda now: now.notes == ("budget: 1 of 5 steps spent",))
    assert world.started > 0
    assert caplog.text.count("; trying again") == 1
    assert not world.ended.is_set()


def test_a_broker_that_gets_no_terms_as_steering_fails_ends_the_search(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FAILING_SECONDS", 0.0)
    world.missteering = [ValueError("no such budget")]
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: False)  # a failure ends this, too
    assert supervisor.snapshot.failure == "supervising the sweep fails: no such budget, for 0 s"
    assert world.told == ["first"]


def test_a_supervisor_that_is_ended_keeps_nobody_waiting(world: World) -> None:
    world.missteering = [SystemExit("Ray shuts down")]
    with world.supervisor() as supervisor:
        waiting = threading.Thread(target=supervisor.wait_for, args=[lambda now: False], daemon=True)
        waiting.start()
        waiting.join(30)
        assert not waiting.is_alive()
    assert supervisor.snapshot.failure == "the supervisor ended by SystemExit: Ray shuts down"
    assert world.ended.is_set()


def test_the_folder_is_uploaded_again_after_an_upload_that_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervision, "UPLOAD_SECONDS", 0.0)
    with world.supervisor() as supervisor:
        supervisor.wait_for(lambda now: world.uploads > 1)
    assert "the object store is away" in caplog.text
    assert supervisor.snapshot.failure == ""


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """A Ray of its own."""
    import ray

    from atlas.cluster.connect import NAMESPACE, join_ray

    watchdog = join_ray(namespace=NAMESPACE, num_cpus=1)
    yield
    ray.shutdown()
    watchdog.close()


@pytest.mark.slow
def test_a_real_broker_that_is_killed_comes_back_with_all_known_steps(
    ray_cluster: None, tmp_path: Path, world: World
) -> None:
    import ray

    with closing(BrokerActor("supervised", str(tmp_path / "store"), "me")) as broker:
        prefetch = Prefetch(broker, [FIRST, SECOND])
        with Supervisor(broker, world, prefetch.tell, world.upload, world.ended.set) as supervisor:
            supervisor.wait_for(lambda now: now.prefetched and now.broker.count("queued") > 0)
            born = supervisor.snapshot.broker.born
            ray.kill(broker.client.actor, no_restart=False)
            supervisor.wait_for(lambda now: now.broker.born != born and now.prefetched and bool(now.broker.states))
            assert supervisor.snapshot.broker.count("queued", "waiting") == 2
    assert not world.ended.is_set()
    assert world.started > 0


@pytest.mark.slow
def test_a_real_broker_that_is_gone_for_good_ends_the_search(
    ray_cluster: None, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FAILING_SECONDS", 0.01)
    with closing(BrokerActor("gone", str(tmp_path / "store"), "me")) as broker:
        broker.status()
        broker.kill()
        with Supervisor(broker, world, world.prefetch, world.upload, world.ended.set) as supervisor:
            assert world.ended.wait(60)
    assert supervisor.snapshot.failure.startswith("supervising the sweep fails: ")
