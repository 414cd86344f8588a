"""Claims: two owners on one store, real files, a clock that is turned by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from atlas.storage.leases import EXPIRY_SECONDS, StepLeases
from atlas.storage.store import Store

KEY, OTHER = "abc1", "abc2"


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(seconds=100.0)


@pytest.fixture
def leases(tmp_path: Path, clock: SimpleNamespace) -> Callable[..., StepLeases]:
    def make(owner: str, scope: str = "") -> StepLeases:
        return StepLeases(Store.open(str(tmp_path), scope=scope), owner, lambda: clock.seconds)

    return make


def test_what_one_has_another_does_not_get_until_it_is_released(leases: Callable[..., StepLeases]) -> None:
    first, second = leases("first"), leases("second")
    assert first.acquire(KEY)
    assert not second.acquire(KEY)
    assert not second.is_available(KEY)
    assert second.acquire(OTHER)
    first.release(KEY)
    assert second.is_available(KEY)
    assert second.acquire(KEY)
    assert not first.acquire(KEY)


def test_a_claim_lives_while_it_beats_and_for_a_while_after_that(
    leases: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    first, second = leases("first"), leases("second")
    first.acquire(KEY)
    assert not second.acquire(KEY)
    for _ in range(5):
        clock.seconds += EXPIRY_SECONDS - 1
        first.heartbeat()
        assert not second.acquire(KEY)
    clock.seconds += EXPIRY_SECONDS
    assert not second.acquire(KEY)
    clock.seconds += 1
    assert second.acquire(KEY)


def test_the_patience_with_the_dead_begins_when_a_sweep_comes_not_when_it_asks(
    leases: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    leases("dead").acquire(KEY)
    late = leases("late")
    clock.seconds += EXPIRY_SECONDS + 1
    assert late.acquire(KEY)


def test_a_sweep_that_was_started_again_goes_on_with_its_own_at_once(leases: Callable[..., StepLeases]) -> None:
    leases("same").acquire(KEY)
    assert leases("same").acquire(KEY)


def test_who_was_thought_dead_takes_nothing_from_the_next(
    leases: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    first, second = leases("first"), leases("second")
    first.acquire(KEY)
    assert not second.acquire(KEY)
    clock.seconds += EXPIRY_SECONDS + 1
    assert second.acquire(KEY)
    first.release(KEY)
    assert not leases("third").acquire(KEY)


def test_a_scope_has_claims_of_its_own(leases: Callable[..., StepLeases]) -> None:
    assert leases("first").acquire(KEY)
    assert leases("second", scope="alone").acquire(KEY)


def test_half_a_claim_is_somebody_elses_until_it_is_old(
    tmp_path: Path, leases: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    first = leases("first")
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / f"{KEY}.json").write_bytes(b"")
    assert not first.acquire(KEY)
    clock.seconds += EXPIRY_SECONDS + 1
    assert first.acquire(KEY)
    assert json.loads((tmp_path / "claims" / f"{KEY}.json").read_text())["owner"] == "first"


def test_a_store_that_takes_no_claim_hinders_nobody(
    tmp_path: Path, leases: Callable[..., StepLeases], caplog: pytest.LogCaptureFixture
) -> None:
    first = leases("first")
    (tmp_path / "claims").write_text("no folder")
    assert first.acquire(KEY)
    first.heartbeat()
    first.release(KEY)
    assert "could not be written" in caplog.text


def test_nothing_is_left_of_what_was_released(tmp_path: Path, leases: Callable[..., StepLeases]) -> None:
    first = leases("first")
    for key in (KEY, OTHER):
        first.acquire(key)
    first.heartbeat()
    for key in (KEY, OTHER):
        first.release(key)
    first.heartbeat()
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_claim_that_cannot_be_read_is_somebodys_for_a_while_and_hinders_nobody_for_good(
    tmp_path: Path, leases: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    """Such as one of another user; here a folder, since root reads everything."""
    first = leases("first")
    (tmp_path / "claims" / f"{KEY}.json").mkdir(parents=True)
    assert not first.acquire(KEY)
    clock.seconds += EXPIRY_SECONDS + 1
    assert first.is_available(KEY)
    assert first.acquire(KEY)
