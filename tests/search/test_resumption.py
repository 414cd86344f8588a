"""Searches that were interrupted, and go on in another run: over a real Ray Tune, with a broker that trains nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import optuna
import pytest
from optuna.trial import TrialState

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import Learner
from atlas.search.callback import TrialJournal, listen
from atlas.search.history import SearchHistory, read_history
from atlas.search.prefix_sampler import PrefixSampler
from atlas.search.resumption import points_left, sampler_after
from atlas.search.tuner import Search
from atlas.steps.graph import WalkGraph
from atlas.storage.filesystem import StoragePath
from tests.search.instant import REFERENCE_RANK, STEP_INPUTS, TASKS, setup_of
from tests.small import atlas

OPTIONS = Options.of(tasks=TASKS, orders=("a,b,c",), rank=REFERENCE_RANK)
ORDERS = Sweep(name="orders", question="?", searches_orders=True, learner=lambda trial, options: small())
EVERY = Options.of(tasks=TASKS, orders=("all",), rank=REFERENCE_RANK)


def small(rank: int = 2) -> Learner:
    return atlas(experience=None, rank=rank)


def ranked(*ranks: int) -> Callable[[optuna.Trial, Options], Learner]:
    """A space of these ranks."""
    return lambda trial, options: small(trial.suggest_categorical("rank", list(ranks)))


RANKS = Sweep(name="ranks", question="?", learner=ranked(2, 4), trials=3)


def run(experiment: Experiment, folder: Path, *, at_once: int = 1) -> TrialJournal:
    """Run or resume the search in a folder to its end; its trials."""
    search = Search(experiment=experiment, setup=setup_of(experiment), folder=StoragePath.at(folder), at_once=at_once)
    journal = TrialJournal(WalkGraph(STEP_INPUTS))
    listen(journal)
    try:
        search.run(resume=True)
    finally:
        listen(None)
    return journal


def interrupt(folder: Path, *statuses: str) -> list[str]:
    """Let Tune's last saved state say that the trials have these statuses; the ids of the trials."""
    newest = max(folder.glob("tune*/experiment_state-*"), key=lambda path: path.stat().st_mtime)
    state = json.loads(newest.read_text())
    state["trial_data"].sort(key=lambda pair: int(json.loads(pair[0])["experiment_tag"].partition("_")[0]))
    ids = []
    for number, status in enumerate(statuses):
        text, metadata = state["trial_data"][number]
        trial = json.loads(text)
        trial["status"] = status
        state["trial_data"][number] = [json.dumps(trial), metadata]
        ids.append(trial["trial_id"])
    newest.write_text(json.dumps({**state, "trial_data": state["trial_data"][: len(statuses)]}))
    return ids


def ranks_of(journal: TrialJournal) -> list[int]:
    return [record.config.learner.settings()["rank"] for record in journal.trials.values()]  # type: ignore[misc]


def ids_of(journal: TrialJournal) -> list[str]:
    return [record.id for record in journal.trials.values()]


def states_of(study: Any) -> list[TrialState]:
    return [trial.state for trial in study.trials]


def test_finished_trials_stay_and_the_others_go_on_under_their_ids_and_more_are_drawn_after_them(
    cluster: None, tmp_path: Path
) -> None:
    experiment = Experiment(sweep=RANKS, options=OPTIONS)
    first = run(experiment, tmp_path)
    ids = interrupt(tmp_path, "TERMINATED", "RUNNING", "ERROR")
    resumed = run(experiment, tmp_path)
    assert ids_of(resumed) == ids == ids_of(first)
    assert ranks_of(resumed) == ranks_of(first)
    assert {record.status for record in resumed.trials.values()} == {"FINISHED"}
    more = run(Experiment(sweep=replace(RANKS, trials=5), options=OPTIONS), tmp_path)
    assert ids_of(more)[:3] == ids
    assert len(more.trials) == 5
    assert len(read_history(StoragePath.at(tmp_path)).finished) == 5
    expect_room_for_seven(Experiment(sweep=replace(RANKS, trials=5), options=OPTIONS), tmp_path)


def expect_room_for_seven(experiment: Experiment, folder: Path) -> None:
    """As many trials run at once as the resumed sweep has room for."""
    search = Search(experiment=experiment, setup=setup_of(experiment), folder=StoragePath.at(folder), at_once=7)
    tuner: Any = search._tuner(read_history(search.folder))
    limiter = tuner._local_tuner._tune_config.search_alg
    assert limiter.max_concurrent == 7
    assert states_of(limiter.searcher.study) == [TrialState.COMPLETE] * 5


def test_what_tune_forgot_is_proposed_and_a_torn_state_loses_no_trial_of_earlier_runs(
    cluster: None, tmp_path: Path
) -> None:
    experiment = Experiment(sweep=replace(RANKS, trials=4), options=OPTIONS)
    run(experiment, tmp_path)
    kept = interrupt(tmp_path, "TERMINATED", "RUNNING")
    run(experiment, tmp_path)
    (torn,) = (tmp_path / "tune-2").glob("experiment_state-*")
    torn.write_text('{"trial_data": [["{')
    resumed = run(experiment, tmp_path)
    assert len(resumed.trials) == 4
    assert ids_of(resumed)[:2] == kept


def test_a_moved_search_goes_on_where_it_is_and_leaves_its_old_place_alone(cluster: None, tmp_path: Path) -> None:
    experiment = Experiment(sweep=RANKS, options=OPTIONS)
    run(experiment, tmp_path / "old")
    ids = interrupt(tmp_path / "old", "TERMINATED", "PENDING")
    shutil.move(tmp_path / "old", tmp_path / "new")
    resumed = run(experiment, tmp_path / "new")
    assert len(resumed.trials) == 3
    assert ids_of(resumed)[:2] == ids
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_state_that_needs_a_module_which_has_gone_is_left_out(
    cluster: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = Experiment(sweep=RANKS, options=OPTIONS)
    run(experiment, tmp_path)
    (state,) = (tmp_path / "tune").glob("experiment_state-*")
    saved = json.loads(state.read_text())
    for pair in saved["trial_data"]:
        trial = json.loads(pair[0])
        trial["storage"]["value"] = b"cgone_module\nThing\n.".hex()  # a pickle of gone_module.Thing
        pair[0] = json.dumps(trial)
    state.write_text(json.dumps(saved))
    assert len(run(experiment, tmp_path).trials) == 3
    assert "its trials are proposed anew" in caplog.text


def test_all_orders_after_some_of_them_are_each_walked_once(cluster: None, tmp_path: Path) -> None:
    run(Experiment(sweep=ORDERS, options=EVERY.changed(orders=("b,c,a", "c,a,b"))), tmp_path)
    every = run(Experiment(sweep=ORDERS, options=EVERY), tmp_path)
    orders = [record.config.orders[0] for record in every.trials.values()]
    assert orders[:2] == [("b", "c", "a"), ("c", "a", "b")]
    assert sorted(orders) == sorted(permutations(TASKS))


def test_all_orders_interrupted_are_each_walked_once(cluster: None, tmp_path: Path) -> None:
    experiment = Experiment(sweep=ORDERS, options=EVERY)
    first = [record.config.orders[0] for record in run(experiment, tmp_path).trials.values()]
    interrupt(tmp_path, "TERMINATED", "RUNNING", "TERMINATED")
    orders = [record.config.orders[0] for record in run(experiment, tmp_path).trials.values()]
    assert sorted(orders) == sorted(first) == sorted(permutations(TASKS))
    history = read_history(StoragePath.at(tmp_path))
    assert not isinstance(sampler_after(experiment, history), PrefixSampler)


class Counted(optuna.samplers.RandomSampler):
    """Counts how often it is asked for a value."""

    asked = 0

    def sample_independent(self, *given: Any, **named: Any) -> Any:
        self.asked += 1
        return super().sample_independent(*given, **named)

    def infer_relative_search_space(self, *given: Any, **named: Any) -> dict[str, Any]:
        self.asked += 1
        return super().infer_relative_search_space(*given, **named)


@pytest.mark.parametrize(("trials", "asked"), [(2, 0), (3, 4)], ids=["known", "drawn"])
def test_a_sampler_is_not_rehearsed_where_the_trials_are_known(trials: int, asked: int) -> None:
    sampler = Counted(seed=0)
    points = ({"rank": 4}, {"rank": 2})
    sweep = replace(RANKS, points=points, trials=trials, sampler=lambda options: sampler)
    history = cast(SearchHistory, SimpleNamespace(trials=[None, None]))
    assert sampler_after(Experiment(sweep=sweep, options=OPTIONS), history) is sampler
    assert sampler.asked == asked


def test_a_new_space_is_drawn_from_finished_trials_stay_and_begun_ones_are_replaced_once(
    cluster: None, tmp_path: Path
) -> None:
    first = run(Experiment(sweep=RANKS, options=OPTIONS), tmp_path)
    interrupt(tmp_path, "TERMINATED", "RUNNING")
    widened = replace(RANKS, learner=ranked(6, 8), trials=4)
    resumed = run(Experiment(sweep=widened, options=OPTIONS), tmp_path)
    assert ids_of(resumed)[0] == ids_of(first)[0]
    assert ids_of(resumed)[1] != ids_of(first)[1]  # it tries something else now
    assert ranks_of(resumed)[0] == ranks_of(first)[0]
    assert set(ranks_of(resumed)[1:]) <= {6, 8}
    assert len(resumed.trials) == 4
    interrupt(tmp_path, "RUNNING")
    again = run(Experiment(sweep=widened, options=OPTIONS), tmp_path)  # the one that was replaced does not come back
    assert len(again.trials) == 4
    assert read_history(StoragePath.at(tmp_path)).begun == ()


def test_points_that_were_tried_are_not_tried_again() -> None:
    points = [{"rank": 2}, {"rank": 4}, {"rank": 2}]
    assert points_left(points, [{"rank": 2, "rate": 0.1}]) == [{"rank": 4}, {"rank": 2}]
    assert points_left(points, [{"rank": 2}, {"rank": 2}, {"rank": 8}]) == [{"rank": 4}]
    assert points_left(points, []) == points


def test_new_points_are_tried_next(cluster: None, tmp_path: Path) -> None:
    pointed = replace(RANKS, points=({"rank": 4}, {"rank": 2}), trials=2)
    run(Experiment(sweep=pointed, options=OPTIONS), tmp_path)
    more = replace(RANKS, learner=ranked(2, 4, 8), points=({"rank": 8}, *pointed.points), trials=3)
    assert ranks_of(run(Experiment(sweep=more, options=OPTIONS), tmp_path)) == [4, 2, 8]


def test_a_resumed_search_knows_which_seeds_an_order_was_tried_with(cluster: None, tmp_path: Path) -> None:
    options = OPTIONS.changed(orders=(), trials=9, seeds=(5, 6), seeds_as_needed=True)
    experiment = Experiment(sweep=ORDERS, options=options)
    first = walks_of(run(experiment, tmp_path))
    interrupt(tmp_path, *["TERMINATED"] * 7, "RUNNING")
    resumed = walks_of(run(replace(experiment, options=options.changed(trials=12)), tmp_path))
    assert resumed[:8] == first[:8]
    assert sorted(resumed) == sorted((order, seed) for order in permutations(TASKS) for seed in (5, 6))


def walks_of(journal: TrialJournal) -> list[tuple[tuple[str, ...], int]]:
    """The order and the seed of each trial, which takes one."""
    return [(one.config.orders[0], seed) for one in journal.trials.values() for seed in one.config.seeds]
