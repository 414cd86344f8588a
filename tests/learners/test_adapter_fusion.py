from __future__ import annotations

from itertools import permutations

import pytest
import torch

from atlas.learners import AdapterFusion, SingleTaskAdapters
from atlas.learners.evaluation import score
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, atlas

ORDER = ("digits", "piqa-twin", "easy-vqa")
LEARNER = AdapterFusion(like=atlas(), composition=SCHEDULE)


def test_extraction_is_the_lone_adapters_steps(small_world: World) -> None:
    lone = small_world.walk(*ORDER, learner=SingleTaskAdapters(like=atlas()))
    steps = small_world.walk(*ORDER, learner=LEARNER)
    assert [step for step in steps if step.stage.kind == "expansion"] == lone
    assert [step.stage.kind for step in steps] == ["expansion", "expansion", "composing", "expansion", "composing"]


def test_a_composition_is_the_same_for_every_order_of_what_was_seen(small_world: World, store: Store) -> None:
    walks = [small_world.walk(*past, "easy-vqa", learner=LEARNER) for past in permutations(ORDER[:2])]
    assert walks[0][-1] == walks[1][-1]
    assert walks[0][2].key != walks[1][2].key
    assert walks[0][-1].order == ("digits", "piqa-twin", "easy-vqa")


def test_it_learns_attention_and_head_alone_and_answers_as_it_was_scored(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=LEARNER)
    facts = small_world.learn(steps, store)
    width, sites = small_world.worker_context.backbone.width, 4
    head = sum(value.numel() for value in small_head(small_world).parameters())
    assert facts[-1].trained_parameters == sites * 3 * width**2 + head
    model = load_model(steps[-1], small_world.worker_context, store)
    found = {
        task: score(model, small_world.worker_context.data[task], "test", limit=16, group=ProcessGroup())
        for task in ORDER
    }
    model.activate("digits")  # by its single-task adapter: it was the first
    alone = score(model, small_world.worker_context.data["digits"], "test", limit=16, group=ProcessGroup())
    model.detach()
    assert found == facts[-1].scores.latest.test
    assert alone == facts[0].scores.own.test["digits"]
    assert set(facts[-1].scores.own.test) == {"easy-vqa"}


def small_head(world: World) -> torch.nn.Module:
    model = world.model()
    model.ensure_head("easy-vqa", torch.Generator().manual_seed(0))
    return model.heads["easy-vqa"]


def test_the_penalty_is_on_values_that_leave_the_identity(small_world: World) -> None:
    model, stage = small_world.model(), LEARNER.stages(1)[-1]
    atlas().stages(0)[0].begin(model, "digits", torch.Generator().manual_seed(0))
    stage.begin(model, "digits", torch.Generator().manual_seed(1))
    assert stage.penalty(model, "digits") == 0
    for name, parameter in model.compositions.named_parameters():
        if name.endswith("value"):
            parameter.data += 1.0
    width = small_world.worker_context.backbone.width
    found = stage.penalty(model, "digits")
    model.detach()
    assert found is not None
    assert found.item() == pytest.approx(0.01 * 4 * width**2)


def test_a_weight_below_nothing_is_refused() -> None:
    with pytest.raises(AtlasError, match="weight is -1"):
        AdapterFusion(weight=-1.0)
