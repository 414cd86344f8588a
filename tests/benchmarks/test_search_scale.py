from __future__ import annotations

import gc

import optuna

from benchmarks.search_scale import SEARCHES, SWEPT, TASKS, finished, seconds_of_proposals, sweep


def test_made_up_trials_are_whole_orders_whose_scores_are_told() -> None:
    for trial in finished(3, told=True):
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert len(trial.params) == len(TASKS) - 1
        (rows,) = trial.user_attrs.values()
        assert [len(row) for row in rows] == list(range(1, len(TASKS) + 1))
        assert trial.value == sum(rows[-1]) / len(TASKS)


def test_every_search_is_asked() -> None:
    found = seconds_of_proposals(10)
    assert set(found) == set(SEARCHES)
    assert min(found.values()) >= 0.0
    assert set(seconds_of_proposals(10, ("random",))) == {"random"}


def test_a_simulated_sweep_takes_all_its_trials_and_says_what_it_took() -> None:
    before = gc.get_threshold()
    found = sweep(12, fleets=6)
    gc.set_threshold(*before)
    assert found.trials == 12
    assert 12 <= found.steps <= 12 * 20 + len(SWEPT)
    assert 0.0 < found.busy < 1.0
    assert found.peak > 0.0
