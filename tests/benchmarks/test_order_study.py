from __future__ import annotations

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


def test_a_walk_that_did_not_end_is_refused() -> None:
    document = invented_summary()
    document["trials"][3]["status"] = "PRUNED"
    with pytest.raises(SystemExit, match=r"of seed 1 is PRUNED; run it again"):
        row_of(typed(document))
