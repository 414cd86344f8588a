"""Fleets that are slow, hang, live by another clock or meet what they cannot learn: real processes, a real broker."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray

from atlas.cluster.connect import NAMESPACE
from atlas.cluster.placement_groups import free_orphaned_groups
from atlas.cluster.ray_internals import bare_node
from atlas.execution.broker_client import BrokerClient
from atlas.execution.fleet_client import RENEW_SECONDS, FleetClient
from atlas.execution.job import Lease
from atlas.learners.process_group import ProcessGroup
from atlas.steps.step import Step
from atlas.sweep.prefetch import Prefetch
from tests.e2e.faults.fleet import Fleet, Maker
from tests.execution.fleet import FIRST, OTHER, commit
from tests.losses import Losses
from tests.small import SCHEDULE, World, atlas

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
LEASE = 3 * RENEW_SECONDS
HOURS = 3600.0


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Path]:
    """A cluster of this process; gives where its logs are: a short path, since its sockets lie there too."""
    logs = Path("/tmp") / f"ray-{secrets.token_hex(3)}"
    logs.mkdir()
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("PYTHONPATH", str(ROOT))  # the actors are classes of the tests
        shell.setenv("RAY_TMPDIR", str(logs))
        with bare_node():
            ray.init(address="local", namespace=NAMESPACE, num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield logs
        ray.shutdown()
    shutil.rmtree(logs, ignore_errors=True)


def start_broker(store_uri: str) -> BrokerClient:
    return BrokerClient.start(store_uri, "sweep", lease_seconds=LEASE)


def ask(broker: BrokerClient, step: Step) -> Any:
    """A request, as Ray's promise of a list of one result."""
    broker.describe([step])
    return broker.actor.request.remote([step.key])


def start_fleet(skew: float = 0.0) -> Any:
    return ray.remote(Fleet).options(num_cpus=0, max_concurrency=2).remote(skew)


def running(broker: BrokerClient) -> list[str]:
    return [step.fleet for step in broker.status().running]


def wait_for(what: Callable[[], Any], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def holds(what: Callable[[], Any], seconds: float) -> bool:
    """Whether it is so all the while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not what():
            return False
        time.sleep(0.05)
    return True


def test_a_slow_fleet_keeps_its_lease_and_a_hung_one_loses_it_whatever_their_clocks_say(
    tmp_path: Path, cluster: Path, losses: Losses
) -> None:
    losses.look_in(cluster)
    uri, gate = str(tmp_path / "store"), tmp_path / "gate"
    broker, first, second = start_broker(uri), start_fleet(5 * HOURS), start_fleet(-5 * HOURS)
    asked = ask(broker, FIRST)
    pid = ray.get(first.pid.remote())
    served = [first.serve_at_gate.remote(broker, "first", uri, gate)]
    wait_for(lambda: running(broker) == ["first"])
    served.append(second.serve_at_gate.remote(broker, "second", uri, gate))
    os.kill(pid, signal.SIGSTOP)
    assert holds(lambda: running(broker) == ["first"], LEASE / 4)
    os.kill(pid, signal.SIGCONT)
    assert holds(lambda: running(broker) == ["first"], 1.5 * LEASE)
    assert losses.begun() == 1
    for harmless in ("clocks that disagree", "slow fleet"):
        losses.note(harmless, begun=losses.begun(), lost=losses.begun() - 1)
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for(lambda: running(broker) == ["second"], 4 * LEASE)
    waited = time.monotonic() - stopped
    gate.touch()
    assert ray.get(asked)[0].title == FIRST.title
    marker = next(Path(uri).glob("steps/*/*/commit.json")).read_text()
    os.kill(pid, signal.SIGCONT)  # and brings its own result, late
    broker.close()
    ray.get(served, timeout=60)
    assert next(Path(uri).glob("steps/*/*/commit.json")).read_text() == marker
    assert broker.status().states == {"done": 1}
    until = {f"until_another_fleet_had_it,_with_a_lease_of_{LEASE:.0f}_s": waited}
    losses.note("hung fleet", begun=losses.begun(), lost=losses.begun() - 1, **until)


def test_a_fleet_killed_in_mid_step_gives_it_back_when_it_is_there_again(tmp_path: Path) -> None:
    uri, gate = str(tmp_path / "store"), tmp_path / "gate"
    broker, first = start_broker(uri), start_fleet()
    asked = [ask(broker, step) for step in (FIRST, OTHER)]
    first.serve_at_gate.remote(broker, "f", uri, gate)
    wait_for(lambda: running(broker) == ["f"])
    os.kill(ray.get(first.pid.remote()), signal.SIGKILL)
    gate.touch()
    broker.hello("f", 1)
    start_fleet().serve_at_gate.remote(broker, "f", uri, gate)
    assert [facts.title for (facts,) in ray.get(asked, timeout=60)] == [FIRST.title, OTHER.title]
    broker.close()


def test_a_loss_that_is_no_number_and_a_record_that_breaks_the_batch_fail_their_steps_and_no_other(
    tmp_path: Path, small_world: World, small_folder: Path, cluster: Path, losses: Losses
) -> None:
    losses.look_in(cluster)
    prepared = {name: one.path for name, one in small_world.prepared.items()}
    prepared["easy-vqa"] = shutil.copytree(prepared["easy-vqa"], tmp_path / "damaged")
    damage(prepared["easy-vqa"] / "train.arrow")
    wild = atlas(expansion=replace(SCHEDULE, steps=4, learning_rate=1e30))
    steps = {
        "diverges": small_world.walk("digits", learner=wild)[-1],
        "damaged": small_world.walk("easy-vqa")[-1],
        "well": small_world.walk("digits")[-1],
    }
    uri = str(tmp_path / "store")
    broker, fleet = start_broker(uri), start_fleet()
    asked = {name: ask(broker, step) for name, step in steps.items()}
    folders = {name: str(path) for name, path in prepared.items()}
    served = fleet.serve_for_real.remote(broker, "f", uri, str(small_folder), folders)
    assert ray.get(asked["well"])[0].title == steps["well"].title
    with pytest.raises(Exception, match=r"the loss became (nan|inf) at update \d+; lower the learning rate"):
        ray.get(asked["diverges"])
    with pytest.raises(Exception, match=r"the record '[^']+' names a picture that is not among"):
        ray.get(asked["damaged"])
    assert broker.status().trained == 1
    broker.close()
    ray.get(served)
    losses.failed("loss becomes NaN", steps["diverges"].key)
    losses.failed("a record that breaks the batch", steps["damaged"].key)


def damage(path: Path) -> None:
    """Have every record name a picture that does not exist, as a disk's fault might."""
    size = path.stat().st_size
    with pa.OSFile(str(path)) as file:
        reader = pa.ipc.open_file(file)
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    with pa.OSFile(str(path), "w") as file, pa.ipc.new_file(file, batches[0].schema) as writer:
        for batch in batches:
            place = batch.schema.get_field_index("pictures")
            column = batch.column(place)
            values = pa.array([10**6] * len(column.flatten()), column.type.value_type)
            listed = pa.FixedSizeListArray.from_arrays(values, type=column.type)
            writer.write_batch(batch.set_column(place, batch.schema.field(place), listed))
    assert path.stat().st_size == size


def test_a_placement_group_whose_maker_was_killed_is_removed_and_no_other() -> None:
    makers = [ray.remote(Maker).options(num_cpus=0).remote() for _ in range(2)]
    ray.get([maker.reserve.remote() for maker in makers])
    assert free_orphaned_groups() == 0
    os.kill(ray.get(makers[0].pid.remote()), signal.SIGKILL)
    wait_for(lambda: free_orphaned_groups() == 1, 30)
    states = sorted(group["state"] for group in ray.util.placement_group_table().values())
    assert states == ["CREATED", "REMOVED"]
    ray.kill(makers[1])
    wait_for(free_orphaned_groups, 30)


def test_a_broker_that_was_started_again_is_told_again_what_nobody_asks_for(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    broker = BrokerClient.start(uri, "sweep")
    prefetch = Prefetch(broker, [FIRST, OTHER])
    assert prefetch.tell(broker.status())
    assert not prefetch.tell(broker.status())
    before = broker.status().born
    ray.kill(broker.actor, no_restart=False)
    wait_for(lambda: broker.status().born != before)  # the one that is killed may still answer
    assert broker.status().states == {}
    for step in (FIRST, OTHER):
        commit(uri, step)
    assert prefetch.tell(broker.status())
    wait_for(lambda: broker.status().states == {"done": 2})
    ray.kill(broker.actor)


def test_more_than_a_thousand_requests_keep_no_lease_waiting(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    broker = BrokerClient.start(uri, "sweep")
    broker.describe([FIRST])
    asked = [broker.actor.request.remote([FIRST.key]) for _ in range(1200)]
    assert ray.get(broker.actor.lease.remote("f", 60.0), timeout=60) != "close"
    assert running(broker) == ["f"]
    commit(uri, FIRST)
    broker.done(FIRST, "", 1.0)
    assert {result.title for (result,) in ray.get(asked, timeout=60)} == {FIRST.title}
    ray.kill(broker.actor)


def test_a_broker_that_was_killed_restores_leases_and_requests_by_the_calls_of_their_owners(tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    broker = BrokerClient.start(uri, "sweep")
    with ThreadPoolExecutor(1) as trial:
        asked = trial.submit(broker.request, [FIRST])
        lease = FleetClient(broker, "f", ProcessGroup()).next_lease()
        assert lease == Lease(step=FIRST)
        before = broker.status().born
        ray.kill(broker.actor, no_restart=False)
        wait_for(lambda: broker.status().born != before)
        broker.renew("f", FIRST, "", 0.5)
        assert running(broker) == ["f"]
        assert broker.lease("other", 0.0) is None
        commit(uri, FIRST)
        broker.done(FIRST, "", 1.0)
        assert asked.result(60)[0].title == FIRST.title
    ray.kill(broker.actor)
