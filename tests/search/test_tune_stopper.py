from __future__ import annotations

import pickle

from atlas.config.trial import TrialConfig
from atlas.learners import Schedule, TwoStage
from atlas.search.early_stopping import PrefixStopper
from atlas.search.tune_stopper import TuneStopper

CONFIG = TrialConfig(
    learner=TwoStage(experience=None, expansion=Schedule(steps=1)), orders=(("a", "b", "c"),), seeds=(0,)
)


def test_a_trial_stops_where_the_stopper_says_so_and_never_at_its_last_report() -> None:
    stopper = PrefixStopper(None)
    asked = TuneStopper(stopper)
    result = {"config": CONFIG.to_tune(), "learnt": [100.0], "complete": False}
    assert not asked("t", result)
    stopper.cut.add(("a",))
    assert asked("t", result)
    assert stopper.stopped == {"t": "its first tasks were pruned by hand"}
    assert not asked("t", {**result, "complete": True})
    assert not asked.stop_all()


def test_tune_saves_it_with_nothing_that_another_thread_may_change_meanwhile() -> None:
    stopper = PrefixStopper(None)
    stopper.cut.add(("a",))
    again: TuneStopper = pickle.loads(pickle.dumps(TuneStopper(stopper)))
    assert again.stopper.cut == set()
