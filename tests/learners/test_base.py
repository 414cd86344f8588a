from __future__ import annotations

from dataclasses import replace

import pytest

from atlas.learners import (
    HeadOnly,
    HeadStage,
    Schedule,
    SingleTaskAdapters,
    TwoStage,
    find_learner,
    learner_from,
    stage_from,
)
from atlas.runtime.errors import AtlasError


def test_an_unknown_learner_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="unknown learner 'atlass'. Did you mean 'atlas'"):
        find_learner("atlass")
    with pytest.raises(AtlasError, match="Did you mean 'head-only'"):
        learner_from({**HeadOnly().settings(), "name": "head_only"})


def test_an_unknown_stage_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="unknown stage 'expanson'. Did you mean 'expansion'"):
        stage_from({**HeadStage(schedule=Schedule()).settings(), "kind": "expanson"})


def test_the_settings_hold_the_kind_and_the_name() -> None:
    assert HeadStage(schedule=Schedule()).settings()["kind"] == "head"
    assert TwoStage().settings()["name"] == "atlas"


@pytest.mark.parametrize("learner", [TwoStage(), TwoStage(experience=None), HeadOnly()])
def test_a_precision_is_that_of_all_schedules(learner: TwoStage | HeadOnly) -> None:
    half = learner.at_precision("bfloat16")
    for position in (0, 1):
        assert {stage.schedule.precision for stage in half.stages(position)} == {"bfloat16"}
    assert half.at_precision("float32") == learner


def test_lone_adapters_learn_at_a_precision_too() -> None:
    half = SingleTaskAdapters(like=TwoStage(rank=3)).at_precision("bfloat16")
    assert half.stages(0)[0].schedule.precision == "bfloat16"
    assert half == SingleTaskAdapters(like=replace(TwoStage(rank=3)).at_precision("bfloat16"))  # type: ignore[arg-type]
