"""A learner of one's own with a module beside it: its steps are trained on a node that has not its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.commands import ROOT, WAIT, lines_in
from tests.e2e.processes import wait_for
from tests.e2e.storages import summaries

pytestmark = pytest.mark.slow
LEARNER = (ROOT / "docs" / "own_learner.py").read_text()
BESIDE = "def of(strength):\n    import atlas_beside_late\n    return strength * atlas_beside_late.FACTOR\n"
ON_ONE_NODE = ("--fleets", "1", "--cpus-per-worker", "1.1")  # too large for the head
SHORT = ("--tasks", "digits", "--steps", "2", "--evaluate", "20", "20")


def test_a_fleet_on_another_node_trains_a_learner_whose_files_it_does_not_have(
    prepared: Path, background: Callable[..., Any], cluster: Cluster, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "atlas_beside.py").write_text(BESIDE)
    (own / "atlas_beside_late.py").write_text("FACTOR = 2.0\n")
    used = LEARNER.replace("Spring(context, self.strength)", "Spring(context, atlas_beside.of(self.strength))")
    (own / "mine.py").write_text("import atlas_beside\n" + used)
    cluster.head(cpus=1)
    cluster.join(cpus=2)
    learner = ("--learner", f"{own / 'mine.py'}:SpringAdapter")
    process = background(
        *SHORT, *ON_ONE_NODE, *learner, *lines_in(prepared), storage=prepared, ATLAS_MARK="own", **cluster.address
    )
    wait_for(lambda: list(prepared.glob("sweeps/*/definition.json")), process=process)
    own.rename(tmp_path / "gone")  # before any fleet is up
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    (summary,) = summaries(prepared)
    assert [trial["status"] for trial in summary["trials"]] == ["FINISHED"]
    assert list(summary["origin"]["learners"]) == ["spring-adapter"]
