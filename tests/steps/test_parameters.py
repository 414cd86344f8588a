from __future__ import annotations

import pytest

from atlas.learners import FineTuning, HeadOnly, Learner, SharedAdapter
from atlas.steps.parameters import ParameterCounter
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, atlas

ORDER = ("digits", "easy-vqa", "piqa-twin")


@pytest.mark.parametrize(
    "learner",
    [
        atlas(),
        atlas(experience=None, rank=2, adapter="lora"),
        HeadOnly(schedule=SCHEDULE),
        SharedAdapter(schedule=SCHEDULE, rank=3),
        FineTuning(schedule=SCHEDULE),
    ],
    ids=lambda learner: learner.name,
)
def test_what_is_counted_is_what_training_records(small_world: World, store: Store, learner: Learner) -> None:
    results = small_world.learn(small_world.walk(*ORDER, learner=learner), store)
    counter = ParameterCounter(small_world.worker_context)
    assert counter.trained(learner, ORDER) == max(one.trained_parameters or 0 for one in results)


def test_the_backbone_is_as_it_was(small_world: World) -> None:
    backbone = small_world.worker_context.backbone
    before = [name for name, _ in backbone.named_parameters()]
    counter = ParameterCounter(small_world.worker_context)
    whole = counter.backbone
    assert counter.trained(atlas(rank=8), ORDER) > counter.trained(atlas(rank=4), ORDER) > 0
    assert [name for name, _ in backbone.named_parameters()] == before
    assert counter.backbone == whole


def test_orders_of_known_tasks_at_known_places_are_looked_up(small_world: World) -> None:
    counter = ParameterCounter(small_world.worker_context)
    orders = [ORDER, ("easy-vqa", "piqa-twin", "digits"), ("piqa-twin", "digits", "easy-vqa")]
    for order in orders:
        counter.trained(atlas(), order)
    known = dict(counter._counts)
    assert len(known) == 9
    assert counter.trained(atlas(), ("digits", "piqa-twin", "easy-vqa")) == max(
        known[place] for place in known if (place[1], place[2]) in ((0, "digits"), (1, "piqa-twin"), (2, "easy-vqa"))
    )
    assert counter._counts == known
