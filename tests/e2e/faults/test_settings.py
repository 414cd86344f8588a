"""A sweep over settings, two orders and two seeds, on a damaged store, with a weight decay that no loss survives.

The trial whose loss becomes NaN fails, once and clearly; the other goes on. It has the usual decay, so that under
the quiet sweep's seed its steps are in the store: those entries that were damaged on the disk are found, moved aside
and trained again, to the same numbers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import default_tracking_uri
from benchmarks.learning import BEGUN
from tests.e2e.commands import SMALL, run
from tests.e2e.storages import committed, logged, matrices, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow
SWEEP = '''
"""Which decay?"""

from dataclasses import replace

from atlas.sweep import Sweep, base_learner, main


def learner(trial, options):
    base = base_learner(options.training)
    decay = trial.suggest_categorical("decay", [0.01, 1e30])
    return replace(base, expansion=replace(base.expansion, weight_decay=decay))


if __name__ == "__main__":
    points = ({"decay": 1e30}, {"decay": 0.01})
    main(Sweep(name="decay", question=__doc__, learner=learner, points=points, trials=2))
'''
GIVEN = ("--seeds", "0", "1", "--aim", "worst", "--fleets", "1")
ADAPTER = "adapter/adapter_model.safetensors"


def damage(storage: Path, trials: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Alter the first step of the first walk, cut the last of the second short, take the marker of the first's last."""
    first, last, short = trials[0]["step_keys"][0], trials[0]["step_keys"][-1], trials[1]["step_keys"][-1]
    (altered,), (cut,) = (list(storage.glob(f"store/steps/*/{key}/*/{ADAPTER}")) for key in (first, short))
    altered.write_bytes(altered.read_bytes()[:-4] + b"oops")
    cut.write_bytes(cut.read_bytes()[:100])
    (marker,) = storage.glob(f"store/steps/*/{last}/commit.json")
    marker.unlink()
    return first, short, last


def test_a_loss_that_becomes_nan_fails_its_trial_alone_and_damaged_entries_are_trained_again(
    quiet: Path, learnt: Path, tmp_path: Path, losses: Losses
) -> None:
    (tmp_path / "decay.py").write_text(SWEEP)
    before, (known,) = committed(learnt), summaries(quiet)
    first, short, last = damage(learnt, known["trials"])
    with losses.fault("loss becomes NaN"):
        done = run(*SMALL, *GIVEN, storage=learnt, sweep=str(tmp_path / "decay.py"), code=1, **losses.shell)
    (summary,) = summaries(learnt)
    expect_one_setting_to_fail(summary, done.stdout, learnt)
    walks = {seed: scores_of_seed(summary, seed) for seed in (0, 1)}
    assert walks[0] == matrices(known)
    assert walks[1].keys() == walks[0].keys()
    assert all(walks[1][order] != walks[0][order] for order in walks[0])
    assert all(list(learnt.glob(f"store/aside/{key}*")) for key in (first, short))
    again = [line.key for line in losses.lines() if line.what == BEGUN and line.key in before]
    assert sorted(again) == sorted({first, short, last})
    losses.note("store entry altered, cut short, marker gone", begun=len(before) + len(again), lost=len(again))


def expect_one_setting_to_fail(summary: dict[str, Any], printed: str, storage: Path) -> None:
    """The wild decay failed, and each walk said why; the usual one walked both orders under both seeds, and is best."""
    wild, usual = ([one for one in summary["trials"] if one["settings"]["decay"] == decay] for decay in (1e30, 0.01))
    assert {one["status"] for one in usual} == {"FINISHED"}
    assert len(usual) == 4
    assert len({one["id"].partition(".")[0] for one in usual}) == 1
    assert "FAILED" in {one["status"] for one in wild}
    assert re.search("the loss became (nan|inf) at update", next(one["error"] for one in wild if one["error"]))
    assert printed.count("failed: ") == len(wild)
    assert summary["best"]["trial"] in {one["id"] for one in usual}
    statuses = [one.info.status for key, one in logged(default_tracking_uri(storage)).items() if "trial/" in key]
    assert sorted(statuses) == ["FAILED", "FINISHED"]


def scores_of_seed(summary: dict[str, Any], seed: int) -> dict[tuple[str, ...], Any]:
    """Every R of the usual decay under a seed, by order."""
    usual = [one for one in summary["trials"] if one["settings"]["decay"] == 0.01 and one["seed"] == seed]
    return {tuple(one["order"]): one["R"] for one in usual}
