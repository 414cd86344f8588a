"""Steps begun, committed and lost, by the log lines of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.learning import Attempt, Fault, Learning, attempts, charged, learnings, learnt_again, lost, standstill


def said(*lines: str) -> list[Learning]:
    """`worker time what key`, each."""
    parts = [line.split() for line in lines]
    return [Learning(worker=worker, at=float(at), what=what, key=key) for worker, at, what, key in parts]


def fault(at: float, since: float = 0.0, name: str = "killed") -> Fault:
    return Fault(name=name, at=at, done=at + 1, since=since or at)


KILLED = said("w 10 training a", "w 12 trained a", "w 12 training b", "x 22 training b", "x 25 trained b")


def test_what_workers_print_is_read_in_order_of_time_with_the_worker(tmp_path: Path) -> None:
    logs = tmp_path / "ray" / "session_2026" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker-b.out").write_text("noise\n3.500 atlas training k digits\n")
    (logs / "worker-a.out").write_text("1.250 atlas training k digits\n9.000 atlas trained k digits\n")
    assert learnings(tmp_path) == [
        Learning(at=1.25, what="training", key="k", worker="worker-a"),
        Learning(at=3.5, what="training", key="k", worker="worker-b"),
        Learning(at=9.0, what="trained", key="k", worker="worker-a"),
    ]


def test_a_step_begun_after_its_commit_is_learnt_again() -> None:
    assert learnt_again(KILLED) == []
    assert learnt_again([*KILLED, *said("x 26 training a")]) == ["a"]


def test_the_step_in_hand_of_a_worker_that_was_killed_ended_with_the_fault_and_is_lost() -> None:
    tried = attempts(KILLED, [fault(13)])
    assert [(one.key, one.began, one.ended, one.learnt) for one in tried] == [
        ("a", 10, 12, True),
        ("b", 12, 13, False),
        ("b", 22, 25, True),
    ]
    assert lost(tried, {"a", "b"}) == [tried[1]]


def test_a_step_begun_while_the_fault_strikes_was_not_learnt_at_all() -> None:
    (attempt,) = attempts(said("w 13.5 training a"), [fault(13)])
    assert attempt.ended == attempt.began


def test_a_step_that_failed_ends_where_its_worker_goes_on_and_is_lost() -> None:
    tried = attempts(said("w 1 training a", "w 3 training b", "w 4 trained b"), [])
    assert tried[0] == Attempt(key="a", began=1, ended=3, learnt=False)
    assert lost(tried, {"b"}) == [tried[0]]


def test_of_a_step_that_two_learnt_the_first_is_kept() -> None:
    tried = attempts(said("w 1 training a", "x 2 training a", "x 3 trained a", "w 9 trained a"), [])
    assert lost(tried, {"a"}) == [tried[0]]


def test_a_step_committed_by_a_worker_that_was_killed_before_it_said_so_is_not_lost() -> None:
    tried = attempts(said("w 1 training a"), [fault(2)])
    assert lost(tried, {"a"}) == []
    assert lost(tried, set()) == tried


@pytest.mark.parametrize(("began", "name"), [(1, "first"), (10.5, "first"), (11, "second"), (21, "second")])
def test_a_lost_attempt_is_charged_to_the_first_fault_that_was_not_over_when_it_began(began: float, name: str) -> None:
    faults = [fault(10, name="first"), fault(20, name="second")]
    assert charged(Attempt(key="a", began=began, ended=30, learnt=False), faults).name == name


def test_nobody_learns_from_the_kill_to_the_next_step() -> None:
    assert standstill(attempts(KILLED, [fault(13)]), fault(13), 99) == 9


def test_nobody_learns_after_the_step_in_hand_where_that_was_not_touched() -> None:
    lines = said("w 10 training a", "w 12 trained a", "w 17 training b", "w 19 trained b")
    assert standstill(attempts(lines, []), fault(11), 99) == 5
    assert standstill(attempts(lines, []), fault(18), 99) == 0


def test_while_one_fleet_goes_on_there_is_no_standstill() -> None:
    lines = said("x 9 training c", *(f"{one.worker} {one.at} {one.what} {one.key}" for one in KILLED), "x 40 trained c")
    assert standstill(attempts(sorted(lines, key=lambda line: line.at), [fault(13)]), fault(13), 99) == 0


def test_a_sweep_that_was_started_again_stands_still_from_then_on_only() -> None:
    assert standstill(attempts(KILLED, [fault(13)]), fault(13, since=20), 99) == 2


def test_what_follows_the_next_fault_is_not_this_ones() -> None:
    lines = said("w 10 training a", "w 12 trained a", "w 12 training b", "x 30 training b", "x 31 trained b")
    faults = [fault(11), fault(13)]
    assert standstill(attempts(lines, faults), faults[0], faults[1].at) == 0
    assert standstill(attempts(lines, faults), faults[1], 99) == 17
