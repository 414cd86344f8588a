from __future__ import annotations

from typing import Any

import pytest
import torch

from atlas.learners import Fusion, OLora, Schedule
from atlas.learners.o_lora import OLoraStage
from atlas.runtime.errors import AtlasError
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, assert_same_learning, atlas, seed_by_task, weights

ORDER = ("digits", "easy-vqa", "piqa-twin")


def test_without_weight_it_is_a_sum_of_loras(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    fusion = Fusion(combination="fixed", weights=(1.0, 1.0, 1.0), skip="outside", penalty=0.0)
    summed = atlas(experience=None, adapter="lora", fusion=fusion)
    assert_same_learning(small_world, store, summed, OLora(schedule=SCHEDULE, rank=4, weight=0.0), *ORDER)


def test_the_sites_add_every_lora_to_the_weights(small_world: World) -> None:
    model, stage = small_world.model(), OLoraStage(schedule=SCHEDULE, rank=2)
    for number, task in enumerate(ORDER[:2]):
        stage.begin(model, task, torch.Generator().manual_seed(number))
        for site in model.adapters.sites().values():
            torch.nn.init.normal_(site.atlas_up[task])
    site = next(iter(model.adapters.sites().values()))
    x = torch.rand(2, 5, site.in_features)
    merged = site.base_layer.weight + sum(site.atlas_up[task] @ site.atlas_down[task] for task in ORDER[:2])
    with torch.no_grad():
        torch.testing.assert_close(site(x), torch.nn.functional.linear(x, merged, site.base_layer.bias))
    model.detach()


def test_the_penalty_is_the_square_of_the_overlaps_with_each_earlier_task(small_world: World) -> None:
    model, stage = small_world.model(), OLoraStage(schedule=SCHEDULE, rank=2, weight=0.5)
    expected = torch.zeros(())
    for number, task in enumerate(ORDER):
        stage.begin(model, task, torch.Generator().manual_seed(number))
        assert (stage.penalty(model, task) is None) == (number == 0)
    for site in model.adapters.sites().values():
        for task in ORDER[:2]:
            expected += (site.atlas_down[task] @ site.atlas_down[ORDER[2]].T).square().sum()
    found = stage.penalty(model, ORDER[2])
    assert found is not None
    torch.testing.assert_close(found, 0.5 * expected)
    trained = {
        name.split(".")[-1] for name, value in model.named_parameters() if value.requires_grad and "atlas" in name
    }
    model.detach()
    assert trained == {ORDER[2]}


def test_the_penalty_makes_the_subspaces_orthogonal(small_world: World, store: Store) -> None:
    schedule = Schedule(steps=30, batch_size=4, learning_rate=2e-2)
    overlaps = []
    for weight in (0.0, 10.0):
        steps = small_world.walk("digits", "easy-vqa", learner=OLora(schedule=schedule, rank=2, weight=weight))
        small_world.learn(steps, store)
        first, second = (
            {name: value for name, value in weights(store, step).items() if "atlas_down" in name} for step in steps
        )
        pairs = zip(first.values(), second.values(), strict=True)
        overlaps.append(sum(float((one @ other.T).square().sum()) for one, other in pairs))
    assert overlaps[1] < overlaps[0] / 10


@pytest.mark.parametrize(("values", "message"), [({"rank": 0}, "rank is 0"), ({"weight": -1.0}, "weight is -1")])
def test_what_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        OLora(**values)
