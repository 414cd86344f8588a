"""`sweeps/learner.py`: the space of every learner of the catalogue."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from atlas.config.experiment import Experiment
from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.learners import LEARNERS, TwoStage
from atlas.search.points import check_points
from atlas.sweep.file import load_sweep

SWEEP = load_sweep(Path(__file__).parents[2] / "sweeps" / "learner.py")


@pytest.mark.parametrize("name", LEARNERS)
def test_the_first_trial_is_the_learner_with_its_usual_settings(name: str) -> None:
    options = Options.of(learner=name)
    check_points(Experiment(sweep=SWEEP, options=options))
    (point,) = SWEEP.points_under(options, smoke=False)
    assert SWEEP.learner(optuna.trial.FixedTrial(dict(point)), options) == learner_named(name, options.training)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75])
def test_a_task_has_as_many_updates_however_its_stages_share_them(share: float) -> None:
    options = Options.of(learner="atlas", steps=40)
    point = {"rank": 4, "rate_times": 2.0, "stage_1_share": share}
    learner = SWEEP.learner(optuna.trial.FixedTrial(point), options)
    assert isinstance(learner, TwoStage)
    schedules = [schedule for schedule in (learner.experience, learner.expansion) if schedule is not None]
    assert sum(schedule.steps or 0 for schedule in schedules) == 80
    assert all(schedule.learning_rate == pytest.approx(6e-3) for schedule in schedules)
    assert learner.rank == 4
