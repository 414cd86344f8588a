from __future__ import annotations

import pytest

from atlas.execution import fleet_client
from atlas.execution.fleet_client import _Speedometer
from atlas.execution.status import Course


def test_the_speed_is_that_since_the_first_update_of_this_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(fleet_client.time, "monotonic", lambda: now[0])
    speed = _Speedometer()
    speed.on_update(41, 100, 2.0)  # resumed after forty
    assert (speed.progress, speed.course) == (0.41, Course(loss=2.0))
    now[0] += 2
    speed.on_update(61, 100, 1.5)
    assert (speed.progress, speed.course) == (0.61, Course(loss=1.5, updates_per_second=10.0))
