"""Of many who create a file or acquire a lease at the same moment, one does: on a local disk, and in a bucket."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from atlas.storage.exclusive import create_exclusively
from atlas.storage.filesystem import open_filesystem
from atlas.storage.leases import EXPIRY_SECONDS, StepLeases
from atlas.storage.store import Store
from tests.conditional import conditional
from tests.servers import ObjectStore

MANY = 8
KEY = "abc1"


@pytest.fixture
def heeding_bucket(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server that heeds conditional writes."""
    with conditional(s3) as door:
        yield at_door(s3, door, monkeypatch)


def at_door(s3: ObjectStore, door: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address, by that door, of a new bucket."""
    address = s3.bucket(f"test-{secrets.token_hex(6)}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", door)
    return f"{address}?scheme=http&endpoint_override={door.removeprefix('http://')}&region=us-east-1"


@pytest.fixture(params=["disk", "bucket"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "disk":
        return str(tmp_path)
    base, _, options = request.getfixturevalue("heeding_bucket").partition("?")
    return f"{base}/store?{options}"


def at_once(act: Callable[[int], bool]) -> list[bool]:
    """The answers of many threads that act at the same moment."""
    start, answers = threading.Barrier(MANY), [False] * MANY

    def work(number: int) -> None:
        start.wait()
        answers[number] = act(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_one_of_many_creates_a_file_and_its_content_stays(address: str) -> None:
    filesystem, root = open_filesystem(address)
    answers = at_once(lambda number: create_exclusively(filesystem, f"{root}/one", str(number).encode()))
    assert sorted(answers) == [False] * (MANY - 1) + [True]
    with filesystem.open_input_stream(f"{root}/one") as stream:
        assert stream.read() == str(answers.index(True)).encode()


def test_one_of_many_sweeps_acquires_a_lease(address: str) -> None:
    sweeps = [StepLeases(Store.at(address), f"sweep-{number}") for number in range(MANY)]
    assert sum(at_once(lambda number: sweeps[number].acquire(KEY))) == 1


def test_one_of_many_sweeps_takes_over_the_lease_of_a_killed_one(address: str) -> None:
    now = [0.0]
    StepLeases(Store.at(address), "killed").acquire(KEY)
    sweeps = [StepLeases(Store.at(address), f"sweep-{number}", lambda: now[0]) for number in range(MANY)]
    now[0] = EXPIRY_SECONDS + 1
    answers = at_once(lambda number: sweeps[number].acquire(KEY))
    assert sum(answers) == 1
    sweeps[answers.index(True)].release(KEY)
    filesystem, root = open_filesystem(address)
    assert filesystem.get_file_info(fs.FileSelector(f"{root}/claims", allow_not_found=True)) == []


def test_who_takes_a_lease_over_and_dies_hinders_others_no_longer_than_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    StepLeases(Store.at(str(tmp_path)), "killed").acquire(KEY)
    dying, other = (StepLeases(Store.at(str(tmp_path)), name, lambda: now[0]) for name in ("dying", "other"))
    now[0] = EXPIRY_SECONDS + 1
    with monkeypatch.context() as death:
        death.setattr(dying, "force_acquire", lambda key: None)  # before it wrote the lease
        assert dying.acquire(KEY)
    assert not other.acquire(KEY)
    now[0] += EXPIRY_SECONDS + 1
    assert other.acquire(KEY)


def test_a_server_that_overwrites_all_the_same_is_noticed_and_said_so(
    bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    filesystem, root = open_filesystem(bucket)
    with caplog.at_level(logging.WARNING):
        assert create_exclusively(filesystem, f"{root}/one", b"")
    assert "overwrites in spite of If-None-Match" in caplog.text
    assert filesystem.get_file_info(fs.FileSelector(root)) == []


def test_a_lease_in_a_bucket_that_cannot_be_reached_is_an_oserror(heeding_bucket: str) -> None:
    filesystem, root = open_filesystem(heeding_bucket)
    assert create_exclusively(filesystem, f"{root}/one", b"")
    with pytest.raises(OSError, match="NoSuchBucket"):
        create_exclusively(filesystem, "no-such-bucket/one", b"")


def test_who_may_write_and_not_delete_gets_leases_and_leaves_one_probe(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with conditional(s3, deletes=False) as door:
        address = at_door(s3, door, monkeypatch)
        first, second = StepLeases(Store.at(address), "first"), StepLeases(Store.at(address), "second")
        assert [first.acquire(KEY), second.acquire(KEY), first.acquire("abc2")] == [True, False, True]
    names = s3.names(address.partition("?")[0].removeprefix("s3://"))
    assert len([name for name in names if ".probe-" in name]) == 1


def test_settings_that_boto3_cannot_use_cost_no_step_its_lease(
    heeding_bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    filesystem, root = open_filesystem(heeding_bucket)
    with pytest.raises(OSError, match="profile \\(not-there\\) could not be found"):
        create_exclusively(filesystem, f"{root}/one", b"")
    assert StepLeases(Store.at(heeding_bucket), "sweep").acquire(KEY)
    assert "a lease in s3://" in caplog.text
