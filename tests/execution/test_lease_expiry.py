from __future__ import annotations

from atlas.execution.job import Job
from atlas.execution.lease_expiry import LeaseExpiry
from tests.execution.fleet import FIRST, OTHER

ONE, TWO = Job(FIRST, ""), Job(OTHER, "")


def test_jobs_are_due_after_their_time_and_once() -> None:
    expiry = LeaseExpiry()
    expiry.watch(ONE, 5.0)
    expiry.watch(TWO, 3.0)
    assert expiry.next_time == 3.0
    assert expiry.pop_due(3.0) == []
    assert expiry.pop_due(6.0) == [TWO, ONE]
    assert expiry.next_time is None


def test_a_time_may_come_nearer_and_is_not_put_off() -> None:
    expiry = LeaseExpiry()
    for time in (5.0, 9.0, 2.0):
        expiry.watch(ONE, time)
    assert expiry.pop_due(3.0) == [ONE]
    assert expiry.pop_due(10.0) == []


def test_what_is_discarded_is_never_due_unless_it_is_watched_again() -> None:
    expiry = LeaseExpiry()
    expiry.watch(ONE, 5.0)
    expiry.discard(ONE)
    assert expiry.next_time is None
    expiry.watch(ONE, 5.0)
    assert expiry.pop_due(6.0) == [ONE]
    assert expiry.pop_due(6.0) == []
