from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from atlas.learners import Expansion, Experience, Fusion, Stage, TwoStage
from atlas.learners.continual_model import ContinualModel
from atlas.learners.fit import fit
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from tests.small import SCHEDULE, World, atlas

SITES = 2 * 2  # two layers, two sites each
HEAD = {f"heads.easy-vqa.{part}" for part in ("0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias")}
NOVEL = ("atlas_down", "atlas_down_bias", "atlas_up", "atlas_up_bias", "atlas_key", "atlas_query_own")


def snapshot(model: ContinualModel) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def learn(world: World, model: ContinualModel, stage: Stage, task: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The stack's tensors once a stage has begun, and after it."""
    stage.begin(model, task, torch.Generator().manual_seed(1))
    before = snapshot(model)
    fit(model, stage, world.worker_context.data[task], seed=0, group=ProcessGroup())
    return before, snapshot(model)


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def roles(names: set[str]) -> set[tuple[str, str]]:
    """(role, task) of the adapters' parameters among the names, after checking that every site has them."""
    found = [tuple(name.split(".")[-2:]) for name in names if ".atlas_" in name]
    assert all(found.count(one) == SITES for one in found)
    return set(found)  # type: ignore[arg-type]


@pytest.fixture
def model(small_world: World) -> Any:
    """A stack that has learnt the digits."""
    model = small_world.model()
    learn(small_world, model, atlas().stages(0)[0], "digits")
    yield model
    model.detach()


@pytest.mark.parametrize("weighting", ["whole", "dimension"])
def test_stage_one_trains_the_queries_over_the_past_and_the_head(small_world: World, weighting: str) -> None:
    model, learner = small_world.model(), atlas(fusion=Fusion(weighting=weighting))
    learn(small_world, model, learner.stages(0)[0], "digits")
    names = changed(*learn(small_world, model, learner.stages(1)[0], "easy-vqa"))
    model.detach()
    assert roles(names) == {("atlas_query_past", "easy-vqa")}
    assert {name for name in names if ".atlas_" not in name} == HEAD


def test_stage_two_trains_the_new_adapter_its_key_its_query_and_the_head(
    small_world: World, model: ContinualModel
) -> None:
    experience, expansion = atlas().stages(1)
    _, learnt = learn(small_world, model, experience, "easy-vqa")
    before, after = learn(small_world, model, expansion, "easy-vqa")
    assert roles(changed(before, after)) == {(role, "easy-vqa") for role in NOVEL}
    assert {name for name in changed(before, after) if ".atlas_" not in name} == HEAD
    kept = [name for name in learnt if "atlas_query_past" in name or name.startswith("heads.")]
    assert len(kept) == SITES + 12
    assert [name for name in kept if not torch.equal(before[name], learnt[name])] == []


def test_the_first_task_has_stage_two_alone(small_world: World) -> None:
    model = small_world.model()
    (stage,) = atlas().stages(0)
    names = changed(*learn(small_world, model, stage, "easy-vqa"))
    model.detach()
    assert roles(names) == {(role, "easy-vqa") for role in NOVEL}


def test_without_stage_one_the_queries_over_the_past_are_trained_in_stage_two(
    small_world: World, model: ContinualModel
) -> None:
    (stage,) = atlas(experience=None).stages(1)
    names = changed(*learn(small_world, model, stage, "easy-vqa"))
    assert roles(names) == {(role, "easy-vqa") for role in (*NOVEL, "atlas_query_past")}


def test_fixed_numbers_need_no_keys_and_no_queries(small_world: World) -> None:
    model, learner = small_world.model(), atlas(fusion=Fusion(combination="fixed", weights=(0.3, 0.7)))
    learn(small_world, model, learner.stages(0)[0], "digits")
    experience, expansion = learner.stages(1)
    assert changed(*learn(small_world, model, experience, "easy-vqa")) == HEAD
    names = changed(*learn(small_world, model, expansion, "easy-vqa"))
    assert roles(names) == {(role, "easy-vqa") for role in NOVEL[:4]}
    assert model.adapters.config_of("easy-vqa").weights == [0.3, 0.7]
    model.detach()


def orthogonality(rows: list[Tensor]) -> Tensor:
    """R(X) = mean((X Xᵀ − I)²) / (n · d)."""
    X = torch.stack([row.flatten() for row in rows])
    return (X @ X.T - torch.eye(len(X))).square().mean() / X.numel()


def test_the_penalty_is_over_queries_and_in_stage_two_over_keys(small_world: World, model: ContinualModel) -> None:
    experience, expansion = atlas(fusion=Fusion(penalty=0.3)).stages(1)
    learn(small_world, model, experience, "easy-vqa")
    sites = list(model.adapters.sites().values())
    expected = sum(orthogonality([site.atlas_query_past["easy-vqa"][0]]) for site in sites)
    torch.testing.assert_close(experience.penalty(model, "easy-vqa"), 0.3 * expected)
    learn(small_world, model, expansion, "easy-vqa")
    sites = list(model.adapters.sites().values())
    queries = [[site.atlas_query_past["easy-vqa"][0], site.atlas_query_own["easy-vqa"][0]] for site in sites]
    keys = [[site.atlas_key["digits"], site.atlas_key["easy-vqa"]] for site in sites]
    expected = sum(orthogonality(rows) for rows in queries + keys)
    torch.testing.assert_close(expansion.penalty(model, "easy-vqa"), 0.3 * expected)


def test_the_same_generator_draws_the_same_queries_whatever_the_rank(small_world: World) -> None:
    drawn = []
    for rank in (2, 8):
        model = small_world.model()
        learner = atlas(rank=rank, experience=None, expansion=replace(SCHEDULE, steps=0))
        learn(small_world, model, learner.stages(0)[0], "digits")
        drawn.append(learn(small_world, model, learner.stages(1)[0], "easy-vqa")[1])
        model.detach()
    queries = [name for name in drawn[0] if "atlas_query_past" in name]
    assert queries
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in queries)


def test_the_stages_of_each_position() -> None:
    learner = TwoStage()
    assert [type(stage) for stage in learner.stages(0)] == [Expansion]
    assert [type(stage) for stage in learner.stages(2)] == [Experience, Expansion]
    assert [stage.last for stage in learner.stages(2)] == [False, True]
    assert [type(stage) for stage in TwoStage(experience=None).stages(2)] == [Expansion]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weighting": "hole"}, "unknown weighting 'hole'. Did you mean 'whole'"),
        ({"normalisation": "softmx"}, "Did you mean 'softmax'"),
        ({"skip": "insde"}, "Did you mean 'inside'"),
        ({"combination": "fxed"}, "Did you mean 'fixed'"),
        ({"penalty": -0.1}, "penalty is -0.1; give λ as 0 or more"),
        ({"weights": (1.0,)}, "with combination 'learned'; a fixed combination needs one weight"),
        ({"combination": "fixed"}, "weights are [] with combination 'fixed'"),
        ({"combination": "uniform", "weights": (1.0,)}, "the others take none"),
    ],
)
def test_a_fusion_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        Fusion(**values)
    assert message in str(refused.value)


def test_too_few_fixed_weights_are_refused() -> None:
    fusion = Fusion(combination="fixed", weights=(0.5,))
    assert fusion.for_stack(1)["weights"] == [0.5]
    with pytest.raises(AtlasError, match="1 fixed weight for 2 adapters; give one a position"):
        fusion.for_stack(2)


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_below_one_is_refused_as_soon_as_it_is_named(rank: int) -> None:
    with pytest.raises(AtlasError, match="needs a rank of 1 or more"):
        TwoStage(rank=rank)
