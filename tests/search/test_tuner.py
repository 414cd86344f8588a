from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import TPESampler
from ray.train._internal.storage import StorageContext
from ray.tune import Tuner
from ray.tune.experiment import Trial
from ray.tune.registry import register_trainable
from ray.tune.search.optuna import OptunaSearch

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import Learner
from atlas.runtime import retry
from atlas.search.callback import TrialJournal, listen, tell_finished
from atlas.search.history import SearchHistory, read_history
from atlas.search.prefix_sampler import PrefixSampler
from atlas.search.proposals import foresee, is_exact, make_sampler
from atlas.search.trainable import TrialSetup
from atlas.search.trial_course import CourseSetup
from atlas.search.trial_record import TrialRecord
from atlas.search.trial_report import TrialReport, report_from
from atlas.search.tuner import Search
from atlas.steps.step import StepInputs
from atlas.storage.filesystem import StoragePath
from atlas.sweep.summary import FinishedSweep
from tests.small import atlas

WRITTEN = ("piqa-twin,easy-ve,digits,easy-vqa", "digits,easy-vqa,easy-ve,piqa-twin")


def ranked(trial: Any, options: Options) -> Learner:
    return atlas(rank=trial.suggest_categorical("rank", [2, 4, 8, 16]))


ORDERS = Sweep(name="orders", question="Which?", searches_orders=True, trials=9)
SETTINGS = Sweep(name="settings", question="Which?", learner=ranked, trials=6)


def tune_trial(record: TrialRecord, folder: Path) -> Trial:
    """The trial as Tune keeps it."""
    register_trainable("run_trial", lambda config: None)
    storage = StorageContext(str(folder), experiment_dir_name="tune")
    trial = Trial("run_trial", trial_id=record.id, config=record.config.to_tune(), storage=storage)
    trial.create_placement_group_factory()
    return trial


def search(sweep: Sweep, options: Options, folder: Path) -> Search:
    setup = TrialSetup(
        broker="b",
        namespace="n",
        course=CourseSetup(step_inputs=StepInputs(backbone="b", data={}), single_task=(), aim="mean"),
        sharing=True,
    )
    experiment = Experiment(sweep=sweep, options=options)
    return Search(experiment=experiment, setup=setup, folder=StoragePath.at(folder), at_once=4)


def suggested(sweep: Sweep, options: Options, folder: Path) -> list[dict[str, Any]]:
    """The parameters suggested to Tune for each trial before any result is known."""
    tuner: Any = search(sweep, options, folder)._tuner()
    algorithm: Any = tuner._local_tuner._tune_config.search_alg.searcher
    assert isinstance(algorithm, OptunaSearch)
    return [
        algorithm.suggest(f"trial-{number}") or {}
        for number in range(Experiment(sweep=sweep, options=options).trial_count())
    ]


def test_given_points_are_tried_first_and_alone_are_exact(tmp_path: Path) -> None:
    pointed = Sweep(name="settings", question="Which?", learner=ranked, points=({"rank": 8}, {"rank": 2}), trials=2)
    options = Options()
    assert is_exact(Experiment(sweep=pointed, options=options))
    assert not is_exact(Experiment(sweep=pointed, options=Options.of(trials=3)))
    asked = suggested(pointed, options, tmp_path)
    assert [config["rank"] for config in asked] == [8, 2]
    walks = foresee(Experiment(sweep=pointed, options=options)).trials
    assert [trial[0].learner.settings()["rank"] for trial in walks] == [8, 2]


def test_orders_are_searched_by_prefix_and_settings_by_tpe() -> None:
    assert isinstance(make_sampler(Experiment(sweep=ORDERS, options=Options())), PrefixSampler)
    assert isinstance(make_sampler(Experiment(sweep=SETTINGS, options=Options())), TPESampler)


@pytest.mark.parametrize("orders", [(), ("all",), WRITTEN])
@pytest.mark.parametrize("sweep", [ORDERS, SETTINGS], ids=lambda sweep: sweep.name)
def test_the_rehearsal_is_what_tune_will_ask(sweep: Sweep, orders: tuple[str, ...], tmp_path: Path) -> None:
    options = Options.of(orders=orders, seeds=(3, 4))
    walks = foresee(Experiment(sweep=sweep, options=options)).trials
    asked = suggested(sweep, options, tmp_path)
    assert len(walks) == len(asked) == Experiment(sweep=sweep, options=options).trial_count()
    for trial, config in zip(walks, asked, strict=True):
        assert list(dict.fromkeys(walk.order for walk in trial)) == [tuple(order) for order in config["orders"]]
        assert {walk.seed for walk in trial} == {3, 4}
        rank = trial[0].learner.settings()["rank"]
        assert rank == config.get("rank", Options().training.rank)


def test_written_orders_are_walked_first_and_as_written() -> None:
    walks = foresee(Experiment(sweep=ORDERS, options=Options.of(orders=WRITTEN))).trials
    assert [",".join(trial[0].order) for trial in walks] == list(WRITTEN)


def test_all_orders_are_each_walked_once() -> None:
    walks = foresee(Experiment(sweep=ORDERS, options=Options.of(orders=("all",)))).trials
    assert len({trial[0].order for trial in walks}) == len(walks) == 24


def test_trials_are_known_beforehand_where_all_or_written_orders_are_walked() -> None:
    assert is_exact(Experiment(sweep=ORDERS, options=Options.of(orders=("all",))))
    assert is_exact(Experiment(sweep=ORDERS, options=Options.of(orders=WRITTEN)))
    assert is_exact(Experiment(sweep=ORDERS, options=Options.of(tasks=("digits", "easy-vqa"))))
    assert not is_exact(Experiment(sweep=ORDERS, options=Options()))
    assert not is_exact(Experiment(sweep=SETTINGS, options=Options.of(orders=("all",))))


def test_a_sweep_stopped_before_its_search_has_no_history(tmp_path: Path) -> None:
    assert read_history(StoragePath.at(tmp_path / "nothing")) == SearchHistory()


@pytest.mark.parametrize("state", [None, '{"trial_data": [], "runner_data": {}}', '{"trial_data": [["{'])
def test_a_search_without_a_whole_state_begins_anew(state: str | None, tmp_path: Path) -> None:
    """Tune's own restore would go on with a single trial, whatever their number was to be."""
    search(ORDERS, Options(), tmp_path)._tuner()
    if state is not None:
        (tmp_path / "tune" / "experiment_state-2026-01-01_00-00-00.json").write_text(state)
    assert read_history(StoragePath.at(tmp_path)) == SearchHistory()


def test_tune_keeps_statistics_of_no_figure_that_a_trial_reports(ended: FinishedSweep, tmp_path: Path) -> None:
    """It would save 700 bytes for each, a trial, at every save of its state."""
    known = []
    for figures in ({}, {f"val/latest/metric_{number}": 1.0 for number in range(30)}):
        trial = tune_trial(ended.trials[0], tmp_path)
        report = TrialReport(objective=1.0, tasks_seen=1, finished=[1], figures=figures, complete=True, costs=figures)
        trial.update_last_result(report.to_tune())
        known.append(set(trial.run_metadata.metric_analysis))
        assert report_from(json.loads(trial.get_json_state()[1])["last_result"]) == report
    assert known[0] == known[1]


def test_trials_that_had_finished_are_told_with_what_they_brought(ended: FinishedSweep, tmp_path: Path) -> None:
    done, under_way = (tune_trial(record, tmp_path) for record in ended.trials[:2])
    done.set_status(Trial.TERMINATED)
    done.run_metadata.last_result = {
        "steps": ended.trials[0].steps,
        "objective": 1.0,
        "tasks_seen": 2,
        "figures": {},
    }
    search(ORDERS, Options(), tmp_path)._tuner()
    state = {"trial_data": [trial.get_json_state() for trial in (done, under_way)], "runner_data": {}}
    (tmp_path / "tune" / "experiment_state-2026-01-01_00-00-00.json").write_text(json.dumps(state))
    journal = TrialJournal(ended.inputs.graph, [])
    listen(journal)
    tell_finished(read_history(StoragePath.at(tmp_path)))
    listen(None)
    assert list(journal.trials) == [done.trial_id]
    (record,) = journal.trials.values()
    assert (record.status, record.steps) == ("FINISHED", ended.trials[0].steps)


@pytest.mark.parametrize("proposed", [False, True])
def test_a_search_runs_again_once_its_storage_answers_where_it_had_not_begun_a_trial(
    proposed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a sweep whose line is cut as its search begins would end without any trial, and without an error."""
    runs = []

    def fit(tuner: Any) -> None:
        runs.append(tuner)
        if proposed:
            tuner._local_tuner._tune_config.search_alg.suggest("first")
        if len(runs) == 1:
            raise OSError(errno.ECONNREFUSED, "Connection refused")

    monkeypatch.setattr(Tuner, "fit", fit)
    monkeypatch.setattr(retry, "POLL_SECONDS", 0.0)
    search(ORDERS, Options(), tmp_path).run(resume=False)
    assert len(runs) == (1 if proposed else 2)
    assert "does not answer" in caplog.text
