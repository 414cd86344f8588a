from __future__ import annotations

from dataclasses import replace

from atlas.config.learners import base_learner, learner_named
from atlas.config.options import Options
from atlas.learners import NormalisedTwoStage, TwoStage
from atlas.learners.two_stage import Fusion

ASKED = Options.of(learner="atlas-normalised", rank=5, steps=7)


def test_its_stages_are_those_of_atlas_with_the_same_settings() -> None:
    made = learner_named("atlas-normalised", ASKED.training)
    assert isinstance(made, NormalisedTwoStage)
    atlas = learner_named("atlas", Options.of(rank=5, steps=7).training)
    assert isinstance(atlas, TwoStage)
    same = replace(atlas, fusion=Fusion(normalisation="softmax", skip="outside"))
    assert [made.stages(position) for position in range(3)] == [same.stages(position) for position in range(3)]
    assert made.stages(0) != atlas.stages(0)


def test_what_begins_from_atlas_begins_from_it_where_it_is_named() -> None:
    assert base_learner(ASKED.training) == learner_named("atlas-normalised", ASKED.training)
    assert type(base_learner(Options.of(learner="ewc").training)) is TwoStage
