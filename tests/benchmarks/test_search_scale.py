from __future__ import annotations

import optuna

from benchmarks.search_scale import SEARCHES, TASKS, finished, measure


def test_made_up_trials_are_whole_orders_whose_scores_are_told() -> None:
    for trial in finished(3, told=True):
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert len(trial.params) == len(TASKS) - 1
        (rows,) = trial.user_attrs.values()
        assert [len(row) for row in rows] == list(range(1, len(TASKS) + 1))
        assert trial.value == sum(rows[-1]) / len(TASKS)


def test_every_search_is_asked_and_the_state_grows_with_the_trials() -> None:
    few, more = measure(10), measure(40, ("random",))
    assert set(few.proposals) == set(SEARCHES)
    assert min(few.proposals.values()) >= 0.0
    assert set(more.proposals) == {"random"}
    assert more.size > few.size
