"""The time line of a sweep, from what one leaves behind."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from atlas.report.summary import TrainedStep
from benchmarks.timeline import Mark, busy, logged, print_timeline, recorded


def test_ray_s_logs_tell_its_start_the_fleets_processes_and_the_steps(tmp_path: Path) -> None:
    logs = tmp_path / "ray" / "session_2026-11-26_17-59-14_500000_20197" / "logs"
    (logs / "train").mkdir(parents=True)
    for kind, at in (("sys-controller", "18:00:00,250"), ("app-worker", "18:00:02,000")):
        line = json.dumps({"asctime": f"2026-11-26 {at}", "message": "begin"})
        (logs / "train" / f"ray-train-{kind}-ab12.log").write_text(f"{line}\nmore\n")
    begin = datetime(2026, 11, 26, 18, 0, 4).timestamp()
    lines = [
        f"{begin + number:.3f} atlas {what} k{number // 2} a" for number, what in enumerate(("training", "trained") * 2)
    ]
    (logs / "worker-1.out").write_text("\n".join(lines))
    start = datetime(2026, 11, 26, 17, 59, 14, 500000).timestamp()
    assert sorted(logged(tmp_path)) == [
        Mark(at=start, what="Ray is being started"),
        Mark(at=start + 45.75, what="the fleet's controller runs"),
        Mark(at=start + 47.5, what="the fleet's worker runs"),
        Mark(at=begin, what="the first step begins"),
        Mark(at=begin + 3, what="the last of 2 steps is trained"),
    ]


def test_the_journal_tells_the_first_event_of_each_kind_of_the_newest_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "sweeps" / "order-1"
    (folder / "spool").mkdir(parents=True)
    kinds = ("sweep_started", "trial_started", "trial_started", "step_finished", "sweep_finished")
    events = [json.dumps({"kind": kind, "at": 1000 * number}) for number, kind in enumerate(kinds)]
    (folder / "spool" / "events.jsonl").write_text("\n".join(events))
    (folder / "report.html").write_text("")
    *times, drawn = recorded(tmp_path)
    assert [(mark.at, mark.what) for mark in times] == [
        (0.0, "the driver begins"),
        (1.0, "the first trial begins"),
        (4.0, "the sweep's end is recorded"),
    ]
    assert drawn.what == "the report is drawn"


def test_the_time_line_counts_from_its_first_event(capsys: pytest.CaptureFixture[str]) -> None:
    print_timeline([Mark(at=112.0, what="the end"), Mark(at=100.0, what="the start"), Mark(at=102.5, what="a step")])
    lines = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(float(at), float(after), what) for at, _, after, what in lines] == [
        (0.0, 0.0, "the start"),
        (2.5, 2.5, "a step"),
        (12.0, 9.5, "the end"),
    ]


def test_fleets_are_busy_for_the_time_of_their_steps_and_the_rest_is_told() -> None:
    times = (("a", 10.0, 20.0), ("b", 10.0, 18.0), ("a", 20.0, 30.0), ("b", 20.0, 28.0))
    steps = [
        TrainedStep(key=str(began), title="", task="", began=began, ended=ended, fleet=fleet)
        for fleet, began, ended in times
    ]
    told = busy(steps, begin=4.0, end=40.0)
    assert told.startswith("2 fleets in 4 steps for 90.0% from the first step to the last, 50.0% of the whole time")
    assert "6.0 of start, 1.0 between steps (0.500 a step), 1.0 before" in told
    assert told.endswith("10.0 from the last step to the prompt")
    assert busy([], begin=4.0, end=40.0) == "no step was trained"
