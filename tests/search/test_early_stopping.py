"""Early stopping by prefixes: what is compared with what, and what a pruned prefix takes with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.trial import TrialConfig
from atlas.learners import Schedule, TwoStage
from atlas.runtime.errors import UserError
from atlas.search.early_stopping import LEAST, PrefixStopper, below_median, below_top, make_stopper
from atlas.search.forecast import Forecast

LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1))
HIGH = (100.0, 90.0)


def config(order: str, rank: int = 16) -> TrialConfig:
    from dataclasses import replace

    return TrialConfig(learner=replace(LEARNER, rank=rank), orders=(tuple(order),), seeds=(0,))


def known(*orders: str, learnt: Sequence[float] = HIGH, rank: int = 16) -> PrefixStopper:
    """A stopper by the median that knows complete trials."""
    stopper = PrefixStopper(below_median)
    for order in orders:
        assert stopper.reason(config(order, rank), [*learnt, 90.0, 90.0], complete=True) == ""
    return stopper


def test_a_prefix_below_the_median_of_others_as_long_is_pruned_and_says_so() -> None:
    stopper = known("abcd", "acbd", "bacd", "cabd")
    assert stopper.stops("t", config("dabc"), [100.0, 80.0], complete=False)
    assert stopper.stopped["t"] == "relative accuracy 80.0 % after 2 tasks, the median of 4 others is 90.0 %"
    assert not stopper.stops("u", config("dcab"), [100.0, 90.0], complete=False)


def test_all_trials_below_a_pruned_prefix_are_stopped_and_not_proposed() -> None:
    stopper = known("abcd", "acbd", "bacd", "cabd")
    assert stopper.reason(config("dabc"), [100.0, 80.0], complete=False)
    assert stopper.reason(config("dacb"), [100.0, 95.0, 99.0], complete=False)  # whatever it does later
    assert stopper.is_pruned(config("dacb"))
    assert not stopper.is_pruned(config("dbac"))
    assert not stopper.is_pruned(config("dacb", rank=4))  # another tree


def test_trials_that_share_a_prefix_count_once() -> None:
    stopper = known("abcd", "abdc")  # both begin with a, b
    for _ in range(LEAST):
        assert stopper.reason(config("abcd"), [100.0, 95.0], complete=False) == ""
    assert stopper.reason(config("dabc"), [100.0, 10.0], complete=False) == ""  # beside one other only


def test_the_first_task_and_a_complete_trial_are_never_pruned() -> None:
    stopper = known("abcd", "bacd", "cabd", "dabc")
    assert stopper.reason(config("acbd"), [1.0], complete=False) == ""
    assert stopper.reason(config("acdb"), [1.0, 1.0, 1.0, 1.0], complete=True) == ""


def test_halving_keeps_the_top_third() -> None:
    assert not below_top(1.0, [9.0] * (LEAST - 1))
    others = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert not below_top(45.0, others)
    assert below_top(35.0, others)
    assert not below_median(35.0, others)


def test_a_resumed_search_knows_what_was_pruned_and_what_it_is_compared_with() -> None:
    stopper = PrefixStopper(below_median)
    for order in ("abcd", "acbd", "bacd", "cabd"):
        stopper.restore(order, config(order), [*HIGH, 90.0, 90.0], stopped=False)
    stopper.restore("t", config("dabc"), [100.0, 80.0], stopped=True)
    assert stopper.is_pruned(config("dacb"))
    assert stopper.reason(config("dbac"), [100.0, 85.0], complete=False)


def test_prefixes_and_trials_that_were_ended_by_hand_end_at_their_next_report() -> None:
    stopper = PrefixStopper(None)
    assert stopper.reason(config("abcd"), [100.0, 1.0], complete=False) == ""  # there is no rule
    stopper.cut.add(("a", "b"))
    assert stopper.stops("t", config("abcd"), [100.0], complete=False)
    assert "by hand" in stopper.stopped["t"]
    assert not stopper.stops("u", config("acbd"), [100.0], complete=False)
    stopper.by_hand["u"] = "by hand"
    assert stopper.stops("u", config("acbd"), [100.0, 90.0], complete=False)
    assert not stopper.stops("u", config("acbd"), [100.0, 90.0, 90.0, 90.0], complete=True)


def test_the_option_chooses_the_rule_and_a_scheduler_beside_it_is_refused() -> None:
    def experiment(rule: str, **fields: object) -> Experiment:
        sweep = Sweep(name="order", question="", searches_orders=True, **fields)  # type: ignore[arg-type]
        return Experiment(sweep=sweep, options=Options.of(tasks=("digits", "easy-ve"), stop_early=rule))

    with pytest.raises(UserError, match="unknown value of --stop-early 'medain'. Did you mean 'median'"):
        experiment("medain")
    assert make_stopper(experiment("none")).rule is None
    assert make_stopper(experiment("median")).rule is below_median
    assert make_stopper(experiment("asha")).rule is below_top
    assert make_stopper(experiment("forecast")).forecast == Forecast(("digits", "easy-ve"))
    with pytest.raises(UserError, match="does not search orders for the highest mean score"):
        Experiment(sweep=Sweep(name="ranks", question=""), options=Options.of(stop_early="forecast")).check()
    with pytest.raises(UserError, match="--stop-early is asha, but the sweep order has a scheduler of its own"):
        experiment("asha", scheduler=lambda options: None).check()


def test_asha_says_its_own_line_and_not_the_median() -> None:
    stopper = PrefixStopper(below_top)
    for order, value in zip(("abcd", "acbd", "bacd", "cabd"), (90.0, 90.0, 50.0, 40.0), strict=True):
        stopper.reason(config(order), [100.0, value, 90.0, 90.0], complete=True)
    reason = stopper.reason(config("dabc"), [100.0, 80.0], complete=False)  # above the median, which is 70
    assert reason == "relative accuracy 80.0 % after 2 tasks, which is not in the top third of it and 4 others"
