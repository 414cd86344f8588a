from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from atlas.report import leaderboard
from benchmarks.order_study import line, row_of, show
from tests.report.conftest import invented_summary, typed


def test_a_row_has_the_figures_of_the_sweeps_own_page(capsys: pytest.CaptureFixture[str]) -> None:
    summary = typed(invented_summary())
    row = row_of(summary)
    tests = [found.test for found in leaderboard(summary) if found.test is not None]
    (disparity,) = (one for one in summary.orders if (one.split, one.route) == ("test", "latest"))
    cells = [cell.strip() for cell in line(row).strip("| ").split("|")]
    assert cells[0] == summary.settings["learner"]
    assert float(cells[1].split()[0]) == pytest.approx(np.mean(tests), abs=0.051)
    assert cells[2] == f"{min(tests):.1f} to {max(tests):.1f}"
    assert [cells[4], cells[5]] == [f"{disparity.aopd:.1f}", f"{disparity.mopd:.1f}"]
    assert cells[6] == "–"  # one seed: what is the order's and what is luck cannot be told
    show([row])
    assert line(row) in capsys.readouterr().out


def test_learners_whose_orders_are_good_alike_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    row = row_of(typed(invented_summary()))
    worse = replace(row, learner="worse", walks=[replace(one, latest=_less(one.latest)) for one in row.walks])
    show([worse, row])
    said = capsys.readouterr().out
    assert f"worse, {row.learner}: rank correlation 1.00" in said
    assert "the second is better along 24 of 24 orders" in said
    assert f"worse: AOPD by seed {row.disparity():.1f}" in said


def _less(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[score - 3 for score in row] for row in rows]


def test_a_walk_that_did_not_end_is_refused() -> None:
    document = invented_summary()
    document["trials"][3]["status"] = "PRUNED"
    with pytest.raises(SystemExit, match=r"of seed 1 is PRUNED; run it again"):
        row_of(typed(document))
