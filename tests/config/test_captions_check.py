"""Captions and the learners that cannot learn them: refused early, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from atlas.config.captions_check import check_captions
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import LEARNERS, find_learner
from atlas.runtime.errors import UserError
from sweeps.compare import SWEEP as COMPARE

SWEEP = Sweep(name="mine", question="Which?")
REFUSED = {
    "ewc": "takes records one by one",
    "rail": "its regression is on classes",
    "routed-adapters": "adapters would not be those of the captions",
}


def options(**changed: Any) -> Options:
    given = {"tasks": ("flickr30k-twin", "digits"), "backbone": "clip-tiny", "readout": "similarity"}
    return Options.of(**{**given, **changed})


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_a_learner_takes_captions_or_says_why_not(name: str) -> None:
    learner = find_learner(name)()
    check_captions(options(tasks=("digits", "easy-vqa")).search, learner)
    if name not in REFUSED:
        check_captions(options().search, learner)
        return
    with pytest.raises(
        UserError, match=f"the learner '{name}' cannot learn flickr30k-twin.*{REFUSED[name]}.*--learner"
    ):
        check_captions(options().search, learner)


def test_a_sweep_of_it_is_refused_before_any_work_also_where_the_task_is_downstream() -> None:
    with pytest.raises(UserError, match="'ewc' cannot learn flickr30k-twin"):
        Experiment(sweep=SWEEP, options=options(learner="ewc")).check()
    asked = options(learner="rail", tasks=("digits", "easy-vqa"), downstream=("flickr30k-twin",))
    with pytest.raises(UserError, match="'rail' cannot learn flickr30k-twin"):
        Experiment(sweep=SWEEP, options=asked).check()


def test_the_sweep_of_all_learners_leaves_them_out() -> None:
    left = {point["learner"] for point in Experiment(sweep=COMPARE, options=options()).left_out()}
    assert left >= {"ewc", "rail", "lwf"}
    assert "atlas" not in left


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_tasks_that_are_made_up_as_in_a_simulation_are_not_refused_here(name: str) -> None:
    check_captions(options(tasks=("made", "up")).search, find_learner(name)())
