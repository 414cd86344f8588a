from __future__ import annotations

from dataclasses import replace

from atlas.execution.status import BrokerStatus, RunningStep
from atlas.sweep.progress import SweepProgress, name_of
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.supervision import Snapshot


def progress(ended: FinishedSweep, status: BrokerStatus, *, trials: int = 2, missing: int = 10) -> SweepProgress:
    """The progress of a sweep of two trials that has so many steps to train."""
    planned = replace(ended.plan, distinct=missing, stored=0)
    return SweepProgress(plan=planned, snapshot=Snapshot(broker=status), trials=ended.trials[:trials], passed=30.0)


def test_steps_in_training_count_by_their_updates(ended: FinishedSweep) -> None:
    running = (RunningStep(fleet="f", title="x", progress=0.5),)
    assert progress(ended, BrokerStatus(trained=4, running=running)).share == 0.45
    assert progress(ended, BrokerStatus(trained=4)).steps_a_minute == 8.0
    assert progress(ended, BrokerStatus()).steps_a_minute is None


def test_a_sweep_is_whole_once_all_its_trials_ended_and_not_before(ended: FinishedSweep) -> None:
    assert progress(ended, BrokerStatus(trained=20)).share == 1.0
    assert progress(ended, BrokerStatus(trained=20), trials=1).share == 0.99


def test_where_nothing_is_trained_trials_are_counted(ended: FinishedSweep) -> None:
    found = progress(ended, BrokerStatus(), trials=1, missing=0)
    assert (found.share, found.time_left) == (0.5, "nothing to train")


def test_a_trial_is_named_by_its_settings_and_its_order(ended: FinishedSweep) -> None:
    first = ended.trials[0]
    assert name_of(first) == "digits > easy-vqa"
    tuned = replace(first, config=replace(first.config, parameters={"rank": 4}))
    assert name_of(tuned) == "rank 4 · digits > easy-vqa"
    drawn = replace(first, config=replace(first.config, parameters={"rate_times": 3.0, "weight": 4135.997393839888}))
    assert name_of(drawn) == "rate times 3, weight 4136 · digits > easy-vqa"
    several = replace(first, config=replace(tuned.config, orders=(("a", "b"), ("b", "a"))))
    assert name_of(several) == "rank 4"
