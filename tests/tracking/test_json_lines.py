from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking import StepFinished, SweepFinished, TrialStarted
from atlas.tracking.event_lines import to_line
from atlas.tracking.json_lines import JsonLinesSink
from tests.servers import ObjectStore
from tests.tracking.walks import finished_step, two_trials


def started(trial: str, sweep: str = "s1") -> TrialStarted:
    return TrialStarted(sweep=sweep, trial=trial, params={"order": ["a"]})


@pytest.fixture
def sink(tmp_path: Path) -> JsonLinesSink:
    return JsonLinesSink(f"jsonl:{tmp_path}", "atlas")


def test_each_sweep_has_a_file_of_lines(sink: JsonLinesSink, tmp_path: Path) -> None:
    for sweep in ("s1", "s2", "s1"):
        sink.apply(started("t", sweep))
    assert [len((tmp_path / f"{sweep}.jsonl").read_text().splitlines()) for sweep in ("s1", "s2")] == [2, 1]
    assert sink.view("s1") == f"{tmp_path}/s1.jsonl"
    assert json.loads((tmp_path / "s2.jsonl").read_text())["params"] == {"order": ["a"]}


def test_a_step_is_written_once_but_again_once_it_has_not_failed(
    sink: JsonLinesSink, tmp_path: Path, step: Callable[..., StepFinished]
) -> None:
    for status in ("FAILED", "FINISHED", "FINISHED"):
        sink.apply(step("k1", status=status))
    lines = (tmp_path / "s1.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["FAILED", "FINISHED"]


def test_a_line_torn_by_a_kill_is_dropped_and_written_again(tmp_path: Path) -> None:
    first, second = started("t1"), started("t2")
    (tmp_path / "s1.jsonl").write_bytes(to_line(first) + to_line(second)[:-9])
    sink = JsonLinesSink(f"jsonl:{tmp_path}", "atlas")
    sink.apply(first)
    sink.apply(second)
    assert (tmp_path / "s1.jsonl").read_bytes() == to_line(first) + to_line(second)


def test_a_line_of_a_persons_own_is_left_alone(sink: JsonLinesSink, tmp_path: Path) -> None:
    (tmp_path / "s1.jsonl").write_bytes(b"# mine\n")
    sink.apply(started("t1"))
    assert len((tmp_path / "s1.jsonl").read_bytes().splitlines()) == 2


def test_a_full_disk_leaves_no_half_line_and_is_retried(
    sink: JsonLinesSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sink.apply(started("t1"))
    before = (tmp_path / "s1.jsonl").read_bytes()
    end = SweepFinished(sweep="s1", status="FINISHED")
    with monkeypatch.context() as patch:
        patch.setattr("atlas.tracking.json_lines.os.fsync", full)
        with pytest.raises(OSError, match="No space") as caught:
            sink.apply(end)
    assert not sink.is_final(caught.value, attempts=100)
    assert (tmp_path / "s1.jsonl").read_bytes() == before
    sink.apply(end)
    assert (tmp_path / "s1.jsonl").read_bytes() == before + to_line(end)


def test_checking_leaves_nothing_behind(sink: JsonLinesSink, tmp_path: Path) -> None:
    sink.check()
    JsonLinesSink(f"jsonl:file://{tmp_path}", "atlas").check()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["jsonl:runs", "jsonl:", "jsonl:ftp://me:hunter2@host/x"])
def test_an_address_of_no_folder_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(AtlasError, match="jsonl:/absolute/folder") as refused:
        JsonLinesSink(address, "atlas").check()
    assert "hunter2" not in str(refused.value)


@pytest.mark.slow
def test_each_line_is_an_object_in_a_bucket_and_a_replay_adds_none(bucket: str, s3: ObjectStore) -> None:
    events = two_trials(finished_step)
    JsonLinesSink(f"jsonl:{bucket}/runs", "atlas").check()
    for upto in (5, len(events)):  # the second life replays what the first had written
        sink = JsonLinesSink(f"jsonl:{bucket}/runs", "atlas")
        for event in events[:upto]:
            sink.apply(event)
    kinds = [json.loads(read(s3, bucket, name))["kind"] for name in s3.names(bucket.removeprefix("s3://"))]
    steps = [event for event in events if isinstance(event, StepFinished)]
    repeated = len(steps) - len({event.key for event in steps})
    assert len(kinds) == len(events) - repeated
    assert kinds[0] == "sweep_started"
    assert kinds[-1] == "sweep_finished"


def read(s3: ObjectStore, bucket: str, name: str) -> bytes:
    """The bytes of an object."""
    return bytes(s3.client().get_object(Bucket=bucket.removeprefix("s3://"), Key=name)["Body"].read())
