from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking.event_lines import to_line
from atlas.tracking.events import SweepFinished, TrialStarted
from atlas.tracking.spool import Spool, is_settled


def event(number: int) -> TrialStarted:
    return TrialStarted(sweep="s", trial=str(number), at=number, params={"n": number})


def replay(spool: Spool) -> list[str]:
    keys = []
    while (waiting := spool.peek()) is not None:
        keys.append(waiting[0].key)
        spool.acknowledge(waiting[1])
    return keys


def test_events_come_back_in_order_and_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(3):
        spool.append(event(number))
    assert spool.pending > 0
    assert replay(spool) == ["trial/s/0", "trial/s/1", "trial/s/2"]
    assert spool.pending == 0
    assert spool.peek() is None


def test_unacknowledged_events_wait_for_the_next_to_open_the_journal(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(event(0))
    spool.append(event(1))
    first = spool.peek()
    assert first is not None
    spool.acknowledge(first[1])
    spool.close()
    again = Spool(tmp_path)
    assert replay(again) == ["trial/s/1"]


def test_a_journal_cut_short_beneath_its_writer_cannot_be_read_instead_of_being_skipped_for_ever(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path)
    spool.append(event(0))
    spool.append(event(1))
    os.truncate(tmp_path / "events.jsonl", len(to_line(event(0))) + 5)
    with pytest.raises(OSError, match="lacks events"):
        replay(spool)
    os.truncate(tmp_path / "events.jsonl", len(to_line(event(0))))
    with pytest.raises(OSError, match="lacks events"):
        spool.peek()


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(event(0))
    spool.close()
    with open(tmp_path / "events.jsonl", "ab") as file:
        file.write(to_line(event(1))[:-5])
    again = Spool(tmp_path)
    again.append(event(2))
    assert replay(again) == ["trial/s/0", "trial/s/2"]


def test_a_torn_only_line_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"kind":' + b"x" * 200_000)
    assert Spool(tmp_path).pending == 0


def test_a_damaged_line_can_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"garbage\n" + to_line(event(1)))
    spool = Spool(tmp_path)
    with pytest.raises(AtlasError, match="garbage"):
        spool.peek()
    spool.skip()
    assert replay(spool) == ["trial/s/1"]


def test_a_refused_event_is_kept_with_the_reason(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.refuse(event(7), "too long")
    kept = json.loads((tmp_path / "refused.jsonl").read_text())
    assert kept["reason"] == "too long"
    assert kept["event"]["trial"] == "7"


def test_two_processes_cannot_replay_one_journal(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    program = f"from atlas.tracking.spool import Spool; Spool({str(tmp_path)!r}, lock_timeout=0)"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "in use by another tracker" in other.stderr
    spool.close()
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match="cannot be written"):
        Spool(tmp_path / "file" / "spool")


def test_a_settled_journal_is_recognised_without_its_lock(tmp_path: Path) -> None:
    assert is_settled(tmp_path)
    spool = Spool(tmp_path)
    assert not is_settled(tmp_path)
    spool.append(event(0))
    replay(spool)
    assert not is_settled(tmp_path)
    spool.append(SweepFinished(sweep="x", status="KILLED"))
    replay(spool)
    assert not is_settled(tmp_path)  # stopped, though the sink has all of it
    spool.append(SweepFinished(sweep="x", status="FINISHED"))
    assert not is_settled(tmp_path)
    replay(spool)
    assert is_settled(tmp_path)
