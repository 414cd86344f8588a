from __future__ import annotations

import pytest
import torch

from atlas.learners import SharedAdapter
from atlas.learners.evaluation import score
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, weights

ORDER = ("digits", "easy-vqa", "piqa-twin")
LEARNER = SharedAdapter(schedule=SCHEDULE, rank=4)


def test_a_second_task_goes_on_with_the_adapter_of_the_first(small_world: World) -> None:
    model, stages = small_world.model(), LEARNER.stages(0)
    stages[0].begin(model, "digits", torch.Generator().manual_seed(0))
    before = {name: site.atlas_down["digits"].detach().clone() for name, site in model.adapters.sites().items()}
    stages[0].begin(model, "easy-vqa", torch.Generator().manual_seed(1))
    assert model.order == ["easy-vqa"]
    assert set(model.peft.peft_config) == {"easy-vqa"}
    for name, site in model.adapters.sites().items():
        assert torch.equal(site.atlas_down["easy-vqa"], before[name])
        assert site.atlas_down["easy-vqa"].requires_grad
    model.detach()


def test_it_is_one_adapter_however_many_tasks(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=LEARNER)
    facts = small_world.learn(steps, store)
    sizes = {sum(value.numel() for name, value in weights(store, step).items() if "adapter" in name) for step in steps}
    assert len(sizes) == 1
    model = load_model(steps[-1], small_world.worker_context, store)
    found = {
        task: score(model, small_world.worker_context.data[task], "test", limit=16, group=ProcessGroup())
        for task in ORDER
    }
    assert model.order == [ORDER[-1]]
    model.detach()
    assert found == facts[-1].scores.latest.test


def test_it_has_neither_keys_nor_queries(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", learner=LEARNER)
    small_world.learn(steps, store)
    assert not any("key" in name or "query" in name for name in weights(store, steps[0]))


def test_a_rank_below_one_is_refused() -> None:
    with pytest.raises(AtlasError, match="needs a rank of 1 or more"):
        SharedAdapter(rank=0)
