"""Revisions in steps: part of the key where adapters are weighted in a tower that has one, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from atlas.backbones.base import revisions_of
from atlas.backbones.families import FAMILIES
from atlas.learners import LEARNERS, Fusion, TwoStage
from atlas.learners.base import Learner, Stage
from atlas.learners.shared_adapter import SharedAdapterStage
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs, step_from
from atlas.steps.walk import Walk
from tests.backbones.dual.checkpoints import write_siglip

PLAIN = StepInputs(backbone="b", data={"a": "1", "b": "2"})
REVISED = replace(PLAIN, revisions={"text": 1})
WEIGHING = {"atlas", "atlas-normalised", "atlas-stage-1", "atlas-stage-2", "lone-adapters", "adapter-fusion"}
WEIGHING |= {"moe-adapters"}


def steps(inputs: StepInputs, learner: Learner) -> list[Step]:
    return list(WalkGraph(inputs).every_step(Walk(order=("a", "b"), learner=learner, seed=0)))


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_keys_change_of_learners_that_weigh_adapters_alone(name: str) -> None:
    pairs = zip(steps(PLAIN, LEARNERS[name]()), steps(REVISED, LEARNERS[name]()), strict=True)
    assert {one.key != other.key for one, other in pairs} == {name in WEIGHING}


def test_no_key_changes_of_another_tower_or_of_weights_that_are_given() -> None:
    for learner in (
        TwoStage().with_towers(("vision",)),
        TwoStage(fusion=Fusion(combination="uniform")),
        TwoStage(fusion=Fusion(combination="fixed", weights=(1.0, 1.0))),
    ):
        assert steps(REVISED, learner) == steps(PLAIN, learner)
    assert {one.revision for one in steps(REVISED, TwoStage().with_towers(("text",)))} == {1}


def test_a_step_says_its_revision_where_it_has_one() -> None:
    for inputs, said in ((PLAIN, {}), (REVISED, {"revision": 1})):
        last = steps(inputs, TwoStage())[-1]
        described = json.loads(json.dumps(last.describe()))
        assert {name: described[name] for name in described if name == "revision"} == said
        assert step_from(described) == last
        assert step_from(described).key == last.key


def test_of_a_users_own_stage_it_is_not_known_whether_it_weighs() -> None:
    class Own(SharedAdapterStage):
        source: ClassVar[str] = "digest of a file"

    schedule = TwoStage().expansion
    stages: list[Stage] = [SharedAdapterStage(schedule=schedule), Own(schedule=schedule)]
    assert [REVISED.revision_of(stage) for stage in stages] == [0, 1]


def test_clip_alone_has_one(tmp_path: Path) -> None:
    """SigLIP and ViLT attend to padding as they were published: their numbers, and so their keys, are as they were."""
    assert {name: family.revisions for name, family in FAMILIES.items() if family.revisions} == {"clip": {"text": 1}}
    found = [revisions_of(name) for name in ("clip-tiny", "vilt-tiny", "vlm-tiny", write_siglip(tmp_path))]
    assert found == [{"text": 1}, {}, {}, {}]
