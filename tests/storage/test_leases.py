"""Claims: two owners on one store, real files, a clock that is turned by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from atlas.storage.leases import PATIENCE_SECONDS, StepLeases
from atlas.storage.store import Store

KEY, OTHER = "abc1", "abc2"


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(seconds=100.0)


@pytest.fixture
def claims(tmp_path: Path, clock: SimpleNamespace) -> Callable[..., StepLeases]:
    def make(owner: str, scope: str = "") -> StepLeases:
        return StepLeases(Store.open(str(tmp_path), scope=scope), owner, lambda: clock.seconds)

    return make


def test_what_one_has_another_does_not_get_until_it_is_released(claims: Callable[..., StepLeases]) -> None:
    first, second = claims("first"), claims("second")
    assert first.take(KEY)
    assert not second.take(KEY)
    assert not second.is_free(KEY)
    assert second.take(OTHER)
    first.release(KEY)
    assert second.is_free(KEY)
    assert second.take(KEY)
    assert not first.take(KEY)


def test_a_claim_lives_while_it_beats_and_for_a_while_after_that(
    claims: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    first, second = claims("first"), claims("second")
    first.take(KEY)
    assert not second.take(KEY)
    for _ in range(5):
        clock.seconds += PATIENCE_SECONDS - 1
        first.beat()
        assert not second.take(KEY)
    clock.seconds += PATIENCE_SECONDS
    assert not second.take(KEY)
    clock.seconds += 1
    assert second.take(KEY)


def test_the_patience_with_the_dead_begins_when_a_sweep_comes_not_when_it_asks(
    claims: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    claims("dead").take(KEY)
    late = claims("late")
    clock.seconds += PATIENCE_SECONDS + 1
    assert late.take(KEY)


def test_a_sweep_that_was_started_again_goes_on_with_its_own_at_once(claims: Callable[..., StepLeases]) -> None:
    claims("same").take(KEY)
    assert claims("same").take(KEY)


def test_who_was_thought_dead_takes_nothing_from_the_next(
    claims: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    first, second = claims("first"), claims("second")
    first.take(KEY)
    assert not second.take(KEY)
    clock.seconds += PATIENCE_SECONDS + 1
    assert second.take(KEY)
    first.release(KEY)
    assert not claims("third").take(KEY)


def test_a_scope_has_claims_of_its_own(claims: Callable[..., StepLeases]) -> None:
    assert claims("first").take(KEY)
    assert claims("second", scope="alone").take(KEY)


def test_half_a_claim_is_somebody_elses_until_it_is_old(
    tmp_path: Path, claims: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    first = claims("first")
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / f"{KEY}.json").write_bytes(b"")
    assert not first.take(KEY)
    clock.seconds += PATIENCE_SECONDS + 1
    assert first.take(KEY)
    assert json.loads((tmp_path / "claims" / f"{KEY}.json").read_text())["owner"] == "first"


def test_a_store_that_takes_no_claim_hinders_nobody(
    tmp_path: Path, claims: Callable[..., StepLeases], caplog: pytest.LogCaptureFixture
) -> None:
    first = claims("first")
    (tmp_path / "claims").write_text("no folder")
    assert first.take(KEY)
    first.beat()
    first.release(KEY)
    assert "could not be written" in caplog.text


def test_nothing_is_left_of_what_was_released(tmp_path: Path, claims: Callable[..., StepLeases]) -> None:
    first = claims("first")
    for key in (KEY, OTHER):
        first.take(key)
    first.beat()
    for key in (KEY, OTHER):
        first.release(key)
    first.beat()
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_claim_that_cannot_be_read_is_somebodys_for_a_while_and_hinders_nobody_for_good(
    tmp_path: Path, claims: Callable[..., StepLeases], clock: SimpleNamespace
) -> None:
    """Such as one of another user; here a folder, since root reads everything."""
    first = claims("first")
    (tmp_path / "claims" / f"{KEY}.json").mkdir(parents=True)
    assert not first.take(KEY)
    clock.seconds += PATIENCE_SECONDS + 1
    assert first.is_free(KEY)
    assert first.take(KEY)
