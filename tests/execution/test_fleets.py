from __future__ import annotations

from collections.abc import Iterator

import pytest

from atlas.execution import fleets as module
from atlas.execution.fleets import IDLE_LOSSES, Fleets
from atlas.execution.sizing import FleetSize
from atlas.execution.worker import FleetSetup

SETUP = FleetSetup(broker="b", namespace="n", store_uri="s", backbone="x", prepared={}, threads=1)
SIZE = FleetSize(fleets=1, workers=1, cpus=1.0, gpus=0.0)


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The endings of the fleet's successive lives: an error's message, or an empty string where one ends well."""
    ends: list[str] = []

    def run_fleet(*_: object) -> None:
        if message := ends.pop(0):
            raise RuntimeError(f"{message}\nand a traceback")

    monkeypatch.setattr(module, "run_fleet", run_fleet)
    monkeypatch.setattr(module, "free_orphaned_groups", lambda: 0)
    return ends


def ended(trained: Iterator[int]) -> Fleets:
    """Fleets whose sweep has trained so many steps at each loss, run to their end."""
    made = Fleets(setup=SETUP, size=SIZE, storage="f", label="sweep", trained=lambda: next(trained))
    made.start()
    made.join(10.0)
    assert made.state.all_ended
    return made


def test_a_fleet_that_is_lost_is_started_again_while_the_sweep_makes_progress(lives: list[str]) -> None:
    lives += ["lost"] * 9 + [""]
    assert ended(iter(range(9))).failures == ["sweep-fleet-0: lost"] * 9
    assert lives == []


def test_a_fleet_that_is_lost_again_with_nothing_trained_is_given_up(lives: list[str]) -> None:
    lives += ["lost"] * 9
    assert len(ended(iter([4, 5, *[5] * 9])).failures) == 1 + IDLE_LOSSES
    assert len(lives) == 9 - 1 - IDLE_LOSSES


def test_a_fleet_that_is_lost_when_the_sweep_has_ended_is_no_failure(lives: list[str]) -> None:
    lives += ["lost"] * 9
    made = Fleets(setup=SETUP, size=SIZE, storage="f", label="sweep", trained=lambda: 0)
    made.close()
    made.start()
    made.join(10.0)
    assert (made.failures, len(lives)) == ([], 8)


def test_a_loss_without_a_message_is_named_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_fleet(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(module, "run_fleet", run_fleet)
    monkeypatch.setattr(module, "free_orphaned_groups", lambda: 0)
    assert ended(iter([0] * 9)).failures == ["sweep-fleet-0: RuntimeError"] * IDLE_LOSSES


def test_a_fleet_whose_resources_cannot_be_freed_is_started_again(
    lives: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def free() -> int:
        raise ConnectionError("the cluster does not answer")

    monkeypatch.setattr(module, "free_orphaned_groups", free)
    lives += ["lost", ""]
    assert ended(iter([0])).failures == ["sweep-fleet-0: lost"]
    assert "could not be freed: the cluster does not answer" in caplog.text


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_the_fleets_own_thread_is_a_failure_too(lives: list[str]) -> None:
    def trained() -> int:
        raise OSError("no progress can be told")

    lives += ["lost"] * 9
    made = Fleets(setup=SETUP, size=SIZE, storage="f", label="sweep", trained=trained)
    made.start()
    made.join(10.0)
    assert made.state.all_ended
    assert made.state.failures == ("sweep-fleet-0: lost", "sweep-fleet-0: no progress can be told")


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fleet_that_ray_ends_while_it_shuts_down_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run_fleet(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr(module, "run_fleet", run_fleet)
    made = Fleets(setup=SETUP, size=SIZE, storage="f", label="sweep", trained=lambda: 0)
    made.close()
    made.start()
    made.join(10.0)
    assert made.state.all_ended
    assert (made.failures, caplog.text) == ([], "")
