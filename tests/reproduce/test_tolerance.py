from __future__ import annotations

from typing import Any

import pytest

from atlas.reproduce.difference import Difference
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.tolerance import fewest_records, tolerance_for
from atlas.runtime.errors import AtlasError
from tests.reproduce.conftest import recorded_of

TOLD = Difference(what="ray", recorded="1", here="2")
INEXACT = Difference(what="torch", recorded="1", here="2", weight="inexact")


def test_the_same_machine_and_versions_give_the_same_bits(recorded: RecordedRun) -> None:
    assert tolerance_for(None, [TOLD], recorded).points == 0


def test_elsewhere_it_is_two_standard_errors_of_a_score(recorded: RecordedRun) -> None:
    found = tolerance_for(None, [TOLD, INEXACT], recorded)
    assert found.points == pytest.approx(100 / 40**0.5)
    assert "torch" in found.reason
    assert "40 records" in found.reason


def test_what_is_given_wins_and_has_to_be_points(recorded: RecordedRun) -> None:
    assert tolerance_for(1.5, [INEXACT], recorded).points == 1.5
    assert tolerance_for(0.0, [INEXACT], recorded).points == 0
    for wrong in (-1.0, 101.0, float("nan")):
        with pytest.raises(AtlasError, match="--tolerance is"):
            tolerance_for(wrong, [], recorded)


def test_all_records_score_a_task_where_no_number_limits_them(summary: dict[str, Any]) -> None:
    summary["settings"]["evaluate"] = [0, 60]
    assert fewest_records(recorded_of(summary)) == 60
    summary["settings"]["evaluate"] = [0, 0]
    assert fewest_records(recorded_of(summary)) == 100
