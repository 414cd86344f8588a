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
    assert made.all_ended
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
