"""Recorded tables: the scores after every prefix, a row a seed."""

from __future__ import annotations

import pytest

from atlas.report.summary.trial import TrialRow
from benchmarks.record_table import recorded
from tests.report.conftest import settings_summary, typed


def trials(*seeds: int) -> list[TrialRow]:
    """The walks of one setting along two orders, with each of the seeds."""
    found = typed(settings_summary(seeds=seeds)).trials
    return [trial for trial in found if trial.settings == found[0].settings]


def test_a_table_has_every_seeds_scores_after_each_prefix() -> None:
    found = trials(2, 0, 1)
    table = recorded(found)
    assert table["seeds"] == [0, 1, 2]
    for trial in found:
        for place, row in enumerate(trial.R["val"]["latest"]):
            rows = table["scores"][" > ".join(trial.order[: place + 1])]
            assert rows[trial.seed] == pytest.approx(list(row[: place + 1]), abs=1e-4)  # the seeds are 0, 1, 2


def test_a_walk_that_is_not_complete_is_no_table() -> None:
    found = [one.model_copy(update={"status": "KILLED"}) for one in trials(0)]
    with pytest.raises(SystemExit, match="of seed 0 is KILLED; run it again"):
        recorded(found)
