from __future__ import annotations

import json
from typing import Any

import pytest

from atlas.config.learners import BACKBONE_RATE, DEFAULT_SCHEDULE, DEFAULT_STEPS, base_learner, learner_named
from atlas.config.options import Options
from atlas.learners import LEARNERS, HeadOnly, Schedule, learner_from
from atlas.runtime.errors import AtlasError


def schedules(learner: Any, position: int) -> list[Schedule]:
    return [stage.schedule for stage in learner.stages(position)]


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_has_as_many_updates_a_task_as_atlas(name: str) -> None:
    learner = learner_named(name, Options().training)
    updates = 0 if learner.closed_form else 2 * DEFAULT_STEPS
    assert sum(schedule.steps or 0 for schedule in schedules(learner, 1)) == updates
    assert learner.name == name
    assert learner_from(json.loads(json.dumps(learner.settings()))) == learner


UPDATED = [name for name, kind in LEARNERS.items() if not kind.closed_form]


@pytest.mark.parametrize("name", UPDATED)
def test_the_rank_and_the_schedule_are_those_of_the_options(name: str) -> None:
    options = Options.of(rank=3, steps=7, batch_size=16, learning_rate=1e-4)
    for position in (0, 1):
        for stage in learner_named(name, options.training).stages(position):
            assert (stage.schedule.batch_size, stage.schedule.learning_rate) == (16, 1e-4)
            assert getattr(stage, "rank", 3) == 3


@pytest.mark.parametrize("name", UPDATED)
def test_a_tuned_backbone_takes_smaller_steps(name: str) -> None:
    rate = BACKBONE_RATE if LEARNERS[name].tunes_backbone else DEFAULT_SCHEDULE.learning_rate
    assert {schedule.learning_rate for schedule in schedules(learner_named(name, Options().training), 1)} == {rate}


def test_atlas_is_the_base_learner() -> None:
    assert learner_named("atlas", Options.of(rank=5).training) == base_learner(Options.of(rank=5).training)


def test_the_head_alone_is_the_reference() -> None:
    schedule = base_learner(Options().training).expansion.times(2)
    assert learner_named("head-only", Options().training) == HeadOnly(schedule=schedule)


def test_an_unknown_learner_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="Did you mean 'replay'"):
        learner_named("repaly", Options().training)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "--tuned is 'x', no JSON"),
        ("[]", "give a learner's settings with its name"),
        ('{"rank": 4}', "give a learner's settings with its name"),
        ('{"name": "atlas", "rnk": 4}', "unknown learner setting 'rnk'. Did you mean 'rank'"),
        ('{"name": "atlas", "rank": "many"}', "from which no learner can be made"),
        ('{"name": "atlas", "rank": 100000}', "--tuned has the learner 'atlas' with rank 100000; give at most 8192"),
    ],
)
def test_settings_that_no_learner_has_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        base_learner(Options.of(tuned=text).training)
