"""What every learner of the catalogue keeps, run over all of them: a new entry is tested for free."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from small import SCHEDULE, World, atlas, contents, outcome

from atlas.errors import AtlasError
from atlas.learners import LEARNERS, STAGES, Learner, Schedule, learner_from, stage_from
from atlas.store import Store

POSITIONS = range(4)


@pytest.fixture(params=sorted(LEARNERS))
def learner(request: pytest.FixtureRequest) -> Learner:
    return LEARNERS[request.param]()


def small(learner: Learner) -> Learner:
    """The same learner with two updates a stage."""
    values = {field.name: getattr(learner, field.name) for field in fields(learner)}
    tiny = {name: SCHEDULE for name, value in values.items() if isinstance(value, Schedule)}
    like = {"like": atlas()} if "like" in values else {}
    return type(learner)(**{**values, **tiny, **like})


def test_the_catalogues_name_each_by_its_own_name() -> None:
    assert all(learner.name == name for name, learner in LEARNERS.items())
    assert all(stage.kind == kind for kind, stage in STAGES.items())


def test_a_task_is_learnt_once_its_last_stage_is_over(learner: Learner) -> None:
    """Only what builds on nothing may be over before: another learner's whole step, shared with it."""
    for position in POSITIONS:
        over = [stage.last for stage in learner.stages(position)]
        assert over[-1]
        assert sum(over) == 1 or learner.lineage != "sequence"


def test_its_stages_are_of_the_catalogue(learner: Learner) -> None:
    assert all(STAGES[stage.kind] is type(stage) for position in POSITIONS for stage in learner.stages(position))


def test_it_comes_back_from_its_settings(learner: Learner) -> None:
    for one in (learner, small(learner)):
        assert learner_from(json.loads(json.dumps(one.settings()))) == one


def test_its_stages_come_back_from_theirs(learner: Learner) -> None:
    for position in POSITIONS:
        for stage in learner.stages(position):
            assert stage_from(json.loads(json.dumps(stage.settings()))) == stage


def test_the_same_learner_gives_the_same_stages(learner: Learner) -> None:
    assert [learner.stages(position) for position in POSITIONS] == [
        type(learner)().stages(position) for position in POSITIONS
    ]


def test_a_precision_reaches_every_stage(learner: Learner) -> None:
    half = learner.at_precision("bfloat16")
    assert all(stage.schedule.precision == "bfloat16" for position in POSITIONS for stage in half.stages(position))


def test_a_setting_that_it_does_not_have_is_refused(learner: Learner) -> None:
    settings = learner.settings()
    schedule = next(name for name in ("experience", "schedule", "like") if name in settings)
    inner = settings[schedule]["experience"] if schedule == "like" else settings[schedule]
    inner["learning_rat"] = 1.0
    with pytest.raises(AtlasError, match="Did you mean 'learning_rate'"):
        learner_from(settings)


def test_its_declared_lineage_is_true(learner: Learner, small_world: World, store: Store) -> None:
    """What a step brings depends on the past if and only if the learner says so."""
    tiny = small(learner)
    after = small_world.walk("digits", "easy-vqa", learner=tiny)
    alone = small_world.walk("easy-vqa", learner=tiny)
    apart = replace(store, scope="alone")
    facts, lone = small_world.learn(after, store)[-1], small_world.learn(alone, apart)[-1]
    same = contents(store, after[-1]) == contents(apart, alone[-1]) and outcome(facts) == outcome(lone)
    assert same == (learner.lineage == "none")


def test_it_learns_two_tasks_and_scores_what_it_has_seen(learner: Learner, small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=small(learner))
    facts = small_world.learn(steps, store)[-1]
    assert list(facts["order"]) == list(steps[-1].order)
    assert set(facts["scores"]["latest"]["val"]) == set(steps[-1].order)
    assert facts["trained_parameters"] > 0
