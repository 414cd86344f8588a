"""Trials that are known are listed, and a sampler is asked for others a bounded number of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler

from atlas.config.experiment import Experiment
from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.config.space import MOST_ORDERS
from atlas.config.sweep import Sweep
from atlas.config.trial import TrialConfig
from atlas.learners import Learner
from atlas.runtime.errors import UserError
from atlas.search import prefix_sampler
from atlas.search.proposals import REHEARSED, foresee, make_sampler, points_of
from atlas.search.trial_record import TrialRecord
from atlas.steps.walk import Walk
from tests.small import atlas

TASKS = ("a", "b", "c")
WRITTEN = ("c,b,a", "a,c,b")


def ranked(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(rank=trial.suggest_categorical("rank", [2, 4, 8, 16]))


def by_number(trial: optuna.Trial, options: Options) -> Learner:
    """No parameter, and yet another learner for each trial."""
    return atlas(rank=1 + trial.number)


ORDERS = Sweep(name="orders", question="?", searches_orders=True, trials=4)
POINTS = Sweep(name="points", question="?", learner=ranked, points=({"rank": 8}, {"rank": 2}), trials=2)


def experiment(sweep: Sweep, **options: Any) -> Experiment:
    return Experiment(sweep=sweep, options=Options.of(**{"tasks": TASKS, **options}))


KNOWN = {
    "all orders": experiment(ORDERS, orders=("all",), seeds=(3, 4)),
    "all orders of one task": experiment(ORDERS, tasks=("a",)),
    "all orders, with points": experiment(
        replace(ORDERS, learner=ranked, points=tuple({"rank": 2 + 2 * (n % 2)} for n in range(6))), orders=("all",)
    ),
    "all orders, by number": experiment(replace(ORDERS, learner=by_number), orders=("all",)),
    "written orders": experiment(ORDERS, orders=WRITTEN),
    "written orders, with points": experiment(
        replace(ORDERS, learner=ranked, points=({"rank": 2}, {"rank": 16}, {"rank": 4})), orders=WRITTEN
    ),
    "written orders, own sampler": experiment(replace(ORDERS, sampler=lambda options: RandomSampler()), orders=WRITTEN),
    "points": experiment(POINTS),
    "points along written orders": experiment(POINTS, orders=WRITTEN),
    "fewer trials than points": experiment(POINTS, trials=1),
}


def asked(experiment: Experiment) -> list[list[Walk]]:
    """The walks of all trials, as the sampler is asked for them."""
    found: list[list[Walk]] = []
    prefix_sampler.rehearse(
        make_sampler(experiment),
        lambda trial: found.append(experiment.propose(trial).walks()),
        experiment.trial_count(),
        points_of(experiment)[: experiment.trial_count()],
    )
    return found


@pytest.fixture
def rehearsals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of trials that samplers were asked for."""
    found: list[int] = []
    whole = prefix_sampler.rehearse

    def counted(sampler: Any, ask: Any, trials: int, points: Any) -> None:
        found.append(trials)
        whole(sampler, ask, trials, points)

    monkeypatch.setattr(prefix_sampler, "rehearse", counted)
    return found


@pytest.mark.parametrize("name", KNOWN)
def test_known_trials_are_those_that_the_sampler_would_propose(name: str, rehearsals: list[int]) -> None:
    proposals = foresee(KNOWN[name])
    assert rehearsals == []
    assert proposals.exact
    assert proposals.count == len(proposals.trials) == KNOWN[name].trial_count()
    assert proposals.trials == asked(KNOWN[name])


def test_all_orders_come_each_once_and_by_the_seed() -> None:
    one, again, other = (
        [trial[0].order for trial in foresee(experiment(ORDERS, orders=("all",), seeds=(seed,))).trials]
        for seed in (0, 0, 1)
    )
    assert one == again != other
    assert sorted(one) == sorted(other) == list(permutations(TASKS))


def test_a_trial_that_suggests_more_than_is_known_is_not_known(rehearsals: list[int]) -> None:
    proposals = foresee(experiment(replace(ORDERS, learner=ranked), orders=("all",)))
    assert (proposals.exact, proposals.count, rehearsals) == (False, 6, [6])
    assert len({trial[0].order for trial in proposals.trials}) == 6


def test_an_error_of_the_space_is_not_hidden() -> None:
    with pytest.raises(UserError, match="unknown learner 'atlsa'"):
        foresee(experiment(ORDERS, orders=("all",), learner="atlsa"))
    broken = replace(POINTS, learner=lambda trial, options: learner_named("atlsa", options.training))
    with pytest.raises(UserError, match="unknown learner 'atlsa'"):
        foresee(experiment(broken))


def test_a_sampler_is_asked_once_and_for_a_bounded_number_of_trials(rehearsals: list[int]) -> None:
    proposals = foresee(experiment(ORDERS, tasks=tuple("abcdefg"), orders=("5000",)))
    assert (proposals.exact, proposals.count, rehearsals) == (False, 5000, [REHEARSED])
    assert len({trial[0].order for trial in proposals.trials}) == len(proposals.trials) == REHEARSED


def test_all_orders_of_seven_tasks_are_listed_without_a_sampler(rehearsals: list[int]) -> None:
    proposals = foresee(experiment(ORDERS, tasks=tuple("abcdefg"), orders=("all",)))
    assert rehearsals == []
    assert len({trial[0].order for trial in proposals.trials}) == len(proposals.trials) == 5040
    assert len({id(trial[0].learner) for trial in proposals.trials}) == 1


@pytest.mark.parametrize("sweep", [ORDERS, POINTS], ids=lambda sweep: sweep.name)
def test_more_orders_than_a_sweep_walks_are_refused_with_their_number(sweep: Sweep) -> None:
    with pytest.raises(UserError) as refused:
        experiment(sweep, tasks=tuple("abcdefghi"), orders=("all",)).check()
    said = str(refused.value)
    assert "362,880 orders are asked for, of the 362,880 of 9 tasks" in said
    assert f"at most {MOST_ORDERS:,}: give --orders a number up to that" in said
    assert "\n" not in said


def test_some_of_more_orders_than_a_sweep_walks_are_sampled() -> None:
    many = experiment(ORDERS, tasks=tuple("abcdefghijkl"), orders=("300",))
    assert many.orders_in_words() == "300 of 479,001,600"
    assert len({trial[0].order for trial in foresee(many).trials}) == REHEARSED
    assert experiment(POINTS, tasks=tuple("abcdefghijkl"), orders=("30",)).orders_in_words() == (
        "30 of 479,001,600, in every trial"
    )


@pytest.mark.parametrize("name", KNOWN)
def test_trials_stand_as_they_are_foreseen_however_they_began_and_others_come_last(name: str) -> None:
    """Two that run at once begin in either order: ties of a leaderboard, and sums, must not depend on it."""
    proposals = foresee(KNOWN[name])
    known = [
        TrialRecord(f"t{place}", TrialConfig(learner=first.learner, orders=orders(walks), seeds=seeds(walks)))
        for place, walks in enumerate(proposals.trials)
        for first in walks[:1]
    ]
    other = TrialRecord("other", replace(known[0].config, orders=(("digits",),)))
    assert proposals.in_order([other, *reversed(known)]) == [*known, other]


def orders(walks: Sequence[Walk]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(walk.order for walk in walks))


def seeds(walks: Sequence[Walk]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(walk.seed for walk in walks))
