from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from atlas.config.constraint import constraints_from
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.trial import INFEASIBLE
from atlas.learners import Learner
from atlas.runtime.errors import UserError
from atlas.search.callback import TrialJournal, listen
from atlas.search.early_stopping import make_stopper
from atlas.search.feasibility import Feasibility
from atlas.search.history import SearchHistory, read_history
from atlas.search.proposals import foresee, is_exact
from atlas.search.trial_report import TrialReport
from atlas.search.tuner import Search
from atlas.steps.graph import WalkGraph
from atlas.steps.walk import Walk
from atlas.storage.filesystem import StoragePath
from tests.search.instant import REFERENCE_RANK, STEP_INPUTS, TASKS, setup_of
from tests.small import atlas

RANKS = (2, 4, 6, 8)
OPTIONS = Options.of(tasks=TASKS, orders=("a,b,c",), rank=REFERENCE_RANK, at_most=("trained_parameters=5%",))


class RankCounter:
    """A backbone of a thousand parameters; a step trains ten a rank."""

    backbone = 1000

    def trained(self, learner: Learner, order: Sequence[str]) -> int:
        rank = learner.settings()["rank"]
        assert isinstance(rank, int)
        return 10 * rank


def ranked(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(experience=None, rank=trial.suggest_categorical("rank", RANKS))


def judged_by(options: Options) -> Feasibility:
    return Feasibility(options.search.constraints(), RankCounter)


def walk_of(rank: int) -> list[Walk]:
    return [Walk(order=TASKS, learner=atlas(rank=rank), seed=0)]


def test_a_trial_is_judged_before_its_training_by_its_parameters() -> None:
    feasibility = judged_by(OPTIONS)
    assert feasibility.before(walk_of(4)).reason == ""
    verdict = feasibility.before(walk_of(8))
    assert verdict.excess == {"--at-most trained_parameters=5%": 3.0}
    assert verdict.reason == "trained_parameters is 8%, at most 5% is asked for"


def test_and_after_it_by_its_last_report_also_of_an_earlier_version() -> None:
    feasibility = Feasibility(constraints_from(("forgetting=3", "seconds=60"), ("average_accuracy=50",)))
    figures, costs = {"val/latest/forgetting": 5.0, "val/latest/average_accuracy": 40.0}, {"seconds": 10.0}
    nested = {"figures": figures, "costs": costs}
    flat = {f"{part}/{name}": value for part, values in nested.items() for name, value in values.items()}
    report = TrialReport(objective=0.0, tasks_seen=1, finished=[1], complete=True, figures=figures, costs=costs)
    assert feasibility.after(report.to_tune()) == feasibility.after(nested) == feasibility.after(flat)
    assert list(feasibility.after(nested).excess.values()) == [2.0, -50.0, 10.0]
    assert "forgetting is 5, at most 3" in feasibility.after(nested).reason
    assert feasibility.after({}).reason == ""  # what is not known misses nothing


def test_no_counter_is_made_where_no_constraint_is_about_parameters() -> None:
    feasibility = Feasibility(constraints_from(("forgetting=3",), ()))
    assert feasibility.before(walk_of(8)).excess == {}


def test_an_impossible_constraint_names_the_nearest_value() -> None:
    feasibility = judged_by(OPTIONS.changed(at_most=("trained_parameters=1%",)))
    sweep = Sweep(name="seams", question="?", learner=ranked, trials=6)
    proposals = foresee(
        Experiment(sweep=sweep, options=OPTIONS), judge=lambda walks: not feasibility.before(walks).reason
    )
    assert not any(proposals.trials)
    told = r"none of the \d+ trials looked at keeps to it; the nearest has trained_parameters=2%"
    with pytest.raises(UserError, match=told):
        feasibility.check_possible(sum(map(bool, proposals.trials)))
    feasibility.check_possible(1)


def test_the_rehearsal_passes_infeasible_proposals_over_and_leaves_points_without_walks() -> None:
    feasibility = judged_by(OPTIONS)
    sweep = Sweep(name="seams", question="?", learner=ranked, points=({"rank": 8},), trials=3)
    trials = foresee(
        Experiment(sweep=sweep, options=OPTIONS), judge=lambda walks: not feasibility.before(walks).reason
    ).trials
    assert trials[0] == []
    assert sorted(trial[0].learner.settings()["rank"] for trial in trials[1:]) == [2, 4]  # type: ignore[type-var]


def test_tune_saves_none_of_it() -> None:
    assert pickle.loads(pickle.dumps(judged_by(OPTIONS))).constraints == ()


def searched(
    experiment: Experiment, folder: Path, *, resume: bool = False
) -> tuple[TrialJournal, optuna.Study, Feasibility]:
    feasibility = judged_by(experiment.options)
    search = Search(
        experiment=experiment,
        setup=setup_of(experiment),
        folder=StoragePath.at(folder),
        at_once=1,
        feasibility=feasibility,
    )
    journal = TrialJournal(WalkGraph(STEP_INPUTS), feasibility=feasibility)
    tuner: Any = search._tuner(read_history(StoragePath.at(folder)) if resume else SearchHistory())
    listen(journal)
    try:
        tuner.fit()
    finally:
        listen(None)
    study: optuna.Study = tuner._local_tuner._tune_config.search_alg.searcher._ot_study
    return journal, study, feasibility


def test_an_infeasible_trial_is_not_trained_and_optuna_knows_by_how_much(cluster: None, tmp_path: Path) -> None:
    points = tuple({"rank": rank} for rank in (8, 2, 4))
    sweep = Sweep(name="seams", question="?", learner=ranked, points=points, trials=3)
    experiment = Experiment(sweep=sweep, options=OPTIONS)
    assert is_exact(experiment)
    journal, study, _ = searched(experiment, tmp_path)
    found = {record.settings["rank"]: record for record in journal.trials.values()}
    assert {rank: record.status for rank, record in found.items()} == {8: "PRUNED", 2: "FINISHED", 4: "FINISHED"}
    assert found[8].steps == [[]]
    assert found[8].stopped == found[8].infeasible == "trained_parameters is 8%, at most 5% is asked for"
    assert not found[8].may_win
    assert found[4].may_win
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED, TrialState.COMPLETE, TrialState.COMPLETE]
    assert [list(trial.constraints.values()) for trial in study.trials] == [[3.0], [], []]
    assert study.trials[0].intermediate_values == {}

    more = Experiment(sweep=sweep, options=OPTIONS.changed(trials=5))
    resumed, known, _ = searched(more, tmp_path, resume=True)
    assert [list(trial.constraints.values()) for trial in known.trials[:3]] == [[3.0], [], []]
    assert {record.settings["rank"] for record in resumed.trials.values()} <= {2, 4}, "others were passed over"
    assert {trial.state for trial in known.trials if trial.params["rank"] > 5} == {TrialState.PRUNED}


def test_a_trial_that_misses_a_constraint_once_trained_is_told_as_infeasible(cluster: None, tmp_path: Path) -> None:
    options = OPTIONS.changed(at_most=("average_accuracy=50",))
    sweep = Sweep(name="seams", question="?", learner=ranked, points=({"rank": 8}, {"rank": 4}), trials=2)
    journal, study, _ = searched(Experiment(sweep=sweep, options=options), tmp_path)
    high, low = journal.trials.values()
    assert (high.status, high.infeasible) == ("FINISHED", "average_accuracy is 80, at most 50 is asked for")
    assert (low.status, low.infeasible) == ("FINISHED", "")
    assert [list(trial.constraints.values()) for trial in study.trials] == [[30.0], [-10.0]]
    assert not any(INFEASIBLE in record.config.to_tune() for record in (high, low))


def test_the_sampler_of_orders_compares_with_feasible_trials_and_leaves_infeasible_settings_last() -> None:
    from atlas.search.gaussian_process_sampler import GaussianProcessOrderSampler, prefix_name

    tasks = ("a", "b", "c", "d")
    sampler = GaussianProcessOrderSampler(tasks, seed=0, startup=2, noisy=False)
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        left, order = list(tasks), []
        large = trial.suggest_categorical("large", [True, False])
        while len(left) > 1:
            order.append(trial.suggest_categorical(prefix_name(order), left))
            left.remove(order[-1])
        trial.set_constraint("size", 1.0 if large else 0.0)
        return float(order.index("a") if "a" in order else 3) + (50.0 if large else 0.0)

    study.optimize(objective, n_trials=12)
    assert all(not trial.params["large"] for trial in study.trials[6:])
    model = sampler.model(study)
    assert model is not None
    assert model.best < 10.0
    assert study.best_trial.params["large"] is False  # Optuna's own: of feasible trials


def test_the_stopper_leaves_a_trial_alone_that_is_not_trained() -> None:
    from atlas.search.tune_stopper import TuneStopper

    experiment = Experiment(sweep=Sweep(name="s", question="?", learner=ranked, trials=6), options=OPTIONS)
    stopper = make_stopper(experiment)
    config = experiment.propose(optuna.trial.FixedTrial({"rank": 8})).to_tune()  # type: ignore[arg-type]
    stopper.cut.add(("a",))
    stops = TuneStopper(stopper)
    assert stops("t1", {"config": config, "complete": False})
    assert not stops("t2", {"config": {**config, INFEASIBLE: "too many"}, "complete": False})
