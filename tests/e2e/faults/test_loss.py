"""A learning rate at which the loss becomes NaN: that trial fails, once and clearly; the others go on.

The other trial learns at the usual rate, with another seed than the quiet sweep.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atlas.tracking import default_tracking_uri
from tests.e2e.commands import SMALL, run
from tests.e2e.storages import logged, matrices, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow
SWEEP = '''
"""Which rate?"""

from dataclasses import replace

from atlas.sweep import Sweep, base_learner, main


def learner(trial, options):
    base = base_learner(options.training)
    rate = trial.suggest_categorical("rate", [3e-3, 1e30])
    return replace(base, expansion=replace(base.expansion, learning_rate=rate))


if __name__ == "__main__":
    points = ({"rate": 1e30}, {"rate": 3e-3})
    main(Sweep(name="rate", question=__doc__, learner=learner, points=points, trials=2))
'''


def test_a_loss_that_becomes_nan_fails_its_trial_alone_and_another_seed_gives_the_other_other_numbers(
    quiet: Path, learnt: Path, tmp_path: Path, losses: Losses
) -> None:
    (tmp_path / "rate.py").write_text(SWEEP)
    given = ("--seed", "1", "--orders", "digits,piqa-twin", "--fleets", "1")
    with losses.fault("loss becomes NaN"):
        done = run(*SMALL, *given, storage=learnt, sweep=str(tmp_path / "rate.py"), code=1, **losses.shell)
    (summary,) = summaries(learnt)
    trials = {trial["settings"]["rate"]: trial for trial in summary["trials"]}
    assert (trials[1e30]["status"], trials[3e-3]["status"]) == ("FAILED", "FINISHED")
    assert re.search("the loss became (nan|inf) at update", trials[1e30]["error"])
    assert done.stdout.count("failed: ") == 1
    statuses = [run.info.status for key, run in logged(default_tracking_uri(learnt)).items() if "trial/" in key]
    assert sorted(statuses) == ["FAILED", "FINISHED"]
    assert summary["best"]["trial"] == trials[3e-3]["id"]
    assert trials[3e-3]["R"] != matrices(summaries(quiet)[0])["digits", "piqa-twin"]
