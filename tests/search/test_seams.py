"""A sweep's own sampler and scheduler, over a real Ray Tune with a broker that trains nothing."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule, TrialScheduler

from atlas.cluster.ray_internals import search_ended_by
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import Learner
from atlas.search.callback import Listener, TrialJournal, listen
from atlas.search.proposals import foresee, is_exact, make_sampler
from atlas.search.trial_record import TrialRecord
from atlas.search.trial_report import OBJECTIVE, TASKS_SEEN
from atlas.search.tuner import Search
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step
from atlas.storage.filesystem import StoragePath
from tests.docs.markdown import ROOT, code_of
from tests.search.instant import REFERENCE_RANK, STEP_INPUTS, TASKS, setup_of
from tests.small import atlas

OPTIONS = Options.of(tasks=TASKS, orders=("a,b,c",), rank=REFERENCE_RANK)


def ranked(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(experience=None, rank=trial.suggest_categorical("rank", [2, 4, 6, 8]))


def random_sampler(options: Options) -> RandomSampler:
    return RandomSampler(seed=options.search.seeds[0])


def successive_halving(options: Options) -> TrialScheduler:
    """Keeps the better half of the trials after each task."""
    return ASHAScheduler(
        time_attr=TASKS_SEEN, metric=OBJECTIVE, mode="max", max_t=100, grace_period=1, reduction_factor=2
    )


def study_of(tuner: Any) -> optuna.Study:
    study: optuna.Study = tuner._local_tuner._tune_config.search_alg.searcher._ot_study
    return study


def searched(
    experiment: Experiment, folder: Path, listeners: Sequence[Listener] = ()
) -> tuple[TrialJournal, optuna.Study]:
    """The trials of a whole search, and Optuna's study after it."""
    search = Search(experiment=experiment, setup=setup_of(experiment), folder=StoragePath.at(folder), at_once=1)
    journal = TrialJournal(WalkGraph(STEP_INPUTS), list(listeners))
    tuner = search._tuner()
    listen(journal)
    try:
        tuner.fit()
    finally:
        listen(None)
    return journal, study_of(tuner)


def test_a_sweep_may_bring_its_own_sampler(cluster: None, tmp_path: Path) -> None:
    sweep = Sweep(name="seams", question="?", learner=ranked, trials=5, sampler=random_sampler)
    experiment = Experiment(sweep=sweep, options=OPTIONS)
    assert isinstance(make_sampler(experiment), RandomSampler)
    journal, study = searched(experiment, tmp_path)
    assert isinstance(study.sampler, RandomSampler)
    foreseen = [trial[0].learner for trial in foresee(experiment).trials]
    assert [record.config.learner for record in journal.trials.values()] == foreseen
    assert {record.status for record in journal.trials.values()} == {"FINISHED"}
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 5


def test_a_scheduler_prunes_trials_which_are_not_taken_for_finished_ones(cluster: None, tmp_path: Path) -> None:
    points = tuple({"rank": rank} for rank in (8, 2, 6, 4))
    sweep = Sweep(name="seams", question="?", learner=ranked, points=points, trials=4, scheduler=successive_halving)
    journal, study = searched(Experiment(sweep=sweep, options=OPTIONS), tmp_path)
    found = {record.settings["rank"]: record for record in journal.trials.values()}
    assert {rank: record.status for rank, record in found.items()} == {
        8: "FINISHED",
        2: "PRUNED",
        6: "PRUNED",
        4: "PRUNED",
    }
    assert {rank: record.tasks_seen for rank, record in found.items()} == {8: 3, 2: 1, 6: 2, 4: 1}
    assert found[8].objective == pytest.approx(80.0)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, *[TrialState.PRUNED] * 3]
    assert study.best_trial.params == {"rank": 8}


def test_the_sampler_and_the_scheduler_of_the_documentation_search(cluster: None, tmp_path: Path) -> None:
    file = tmp_path / "random_ranks.py"
    file.write_text(dict(code_of((ROOT / "docs" / "extending.md").read_text()))[file.name])
    sweep = runpy.run_path(str(file))["SWEEP"]
    assert sweep.scheduler
    assert isinstance(sweep.scheduler(OPTIONS), MedianStoppingRule)
    journal, study = searched(Experiment(sweep=replace(sweep, trials=3), options=OPTIONS), tmp_path / "tune")
    assert isinstance(study.sampler, RandomSampler)
    ranks = [record.settings["rank"] for record in journal.trials.values()]
    assert len(set(ranks)) == 3
    assert {record.status for record in journal.trials.values()} <= {"FINISHED", "PRUNED"}
    assert study.best_trial.params == {"rank": max(ranks)}


def test_trials_that_may_be_pruned_or_drawn_otherwise_are_not_known_beforehand() -> None:
    orders = Sweep(name="seams", question="?", searches_orders=True, trials=6)
    everything = Options.of(tasks=TASKS)
    assert is_exact(Experiment(sweep=orders, options=everything))
    sampled = replace(orders, sampler=random_sampler)
    assert not is_exact(Experiment(sweep=sampled, options=everything))
    assert is_exact(Experiment(sweep=sampled, options=OPTIONS))  # its one order is written out
    pruned = replace(orders, scheduler=successive_halving)
    assert not is_exact(Experiment(sweep=pruned, options=OPTIONS))


@dataclass
class EndsAtTheFirst:
    """Ends the search once a trial has reported."""

    ended: Event = field(default_factory=Event)

    def trial_changed(self, record: TrialRecord, taken: list[Step]) -> None:
        if record.tasks_seen:
            self.ended.set()


def test_a_search_outside_of_the_main_thread_is_ended_without_a_trial_that_fails(cluster: None, tmp_path: Path) -> None:
    ends = EndsAtTheFirst()
    experiment = Experiment(sweep=Sweep(name="seams", question="?", learner=ranked, trials=5), options=OPTIONS)
    with search_ended_by(ends.ended), ThreadPoolExecutor(1) as other:
        journal, _ = other.submit(searched, experiment, tmp_path, [ends]).result()
    assert {record.status for record in journal.trials.values()} <= {"RUNNING", "FINISHED"}
    assert 1 <= len(journal.trials) < 5
