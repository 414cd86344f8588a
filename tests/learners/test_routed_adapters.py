"""Routed adapters: whose adapters answer a record, on every route, and that the order of the tasks has no effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from atlas.learners import RoutedAdapters, RoutedAdapterStage, Schedule
from atlas.learners.adapter_router import AdapterRouter, centroids, queries, routed_logits, router_of, without_adapters
from atlas.learners.continual_model import ContinualModel
from atlas.learners.label_space import LabelSpace
from atlas.learners.readouts.routed import RoutedReadout
from atlas.runtime.errors import UserError
from atlas.steps.beyond import Beyond
from atlas.steps.graph import WalkGraph
from atlas.steps.train import load_model
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import write_clip
from tests.small import World, make_world

NAMES = ("digits", "dtd-twin", "mnist-twin")
SCHEDULE = Schedule(steps=2, batch_size=8, learning_rate=1e-2)
LEARNER = RoutedAdapters(schedule=SCHEDULE, rank=4, prototypes=3, records=16).with_readout("similarity")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("routed")
    limits = {"train": 24, "val": 8, "test": 16}
    return make_world(write_clip(root / "clip"), root / "data", [TASKS[name] for name in NAMES], limits)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(str(tmp_path_factory.mktemp("store")))


@pytest.fixture
def model(world: World, store: Store) -> Iterator[ContinualModel]:
    """After all three tasks."""
    steps = world.walk(*NAMES, learner=LEARNER)
    world.learn(steps, store)
    made = load_model(steps[-1], world.worker_context, store)
    yield made
    made.detach()


def test_a_record_has_the_adapters_of_the_task_that_it_is_likest(world: World, model: ContinualModel) -> None:
    router = AdapterRouter(model)
    assert list(router.prototypes) == sorted(NAMES)
    batch = world.worker_context.data["digits"].splits["test"].batch(torch.arange(8))
    found = queries(model, batch)
    for row, chosen in zip(found, router.choose(batch).tolist(), strict=True):
        best = [max(float(row @ centre) for centre in one) for one in router.prototypes.values()]
        assert chosen == max(range(3), key=best.__getitem__)
        assert row.norm() == pytest.approx(1.0)


def test_queries_are_those_of_the_frozen_backbone_whatever_is_active(world: World, model: ContinualModel) -> None:
    batch = world.worker_context.data["digits"].splits["test"].batch(torch.arange(4))
    bare, tasks = world.model(), list[Tensor]()
    for task in NAMES:
        model.activate(task)
        tasks.append(queries(model, batch))
    assert all(torch.equal(one, tasks[0]) for one in tasks)
    with torch.no_grad(), without_adapters(model):
        pooled = model.backbone(batch.pixels, batch.tokens[:, :1], batch.mask[:, :1])[:, 0]
    assert torch.allclose(tasks[0], normalize(pooled, dim=-1), atol=1e-6)
    assert bare.backbone is model.backbone


def test_logits_are_those_of_the_chosen_task_s_adapters_record_by_record(world: World, model: ContinualModel) -> None:
    batch = world.worker_context.data["digits"].splits["test"].batch(torch.arange(8))
    chosen = torch.tensor([2, 0, 1, 2, 2, 0, 1, 0])
    router = AdapterRouter(model)
    router.choose = lambda batch: chosen  # type: ignore[method-assign]
    with torch.no_grad():
        found = router.answer(batch, "digits", lambda _, part: model(part, "digits"))
        for row, place in enumerate(chosen.tolist()):
            model.activate(sorted(NAMES)[place])
            alone = model(batch.at(torch.tensor([row])), "digits")
            assert torch.allclose(found[row], alone[0], atol=1e-5)


def test_where_the_task_is_told_its_own_adapters_answer(world: World, model: ContinualModel) -> None:
    batch = world.worker_context.data["mnist-twin"].splits["test"].batch(torch.arange(8))
    model.activate("mnist-twin")
    model.told = True
    with torch.no_grad():
        assert router_of(model) is None
        assert torch.equal(routed_logits(model, batch, "mnist-twin"), model(batch, "mnist-twin"))


def test_all_orders_share_every_training_and_end_in_the_same(world: World, store: Store) -> None:
    ends, alone = set[str](), set[str]()
    for order in permutations(NAMES):
        steps = world.walk(*order, learner=LEARNER)
        ends.add(str(sorted(world.learn(steps, store)[-1].scores.latest.test.items())))
        alone |= {step.key for step in steps if isinstance(step.stage, RoutedAdapterStage)}
    assert len(alone) == 3
    assert len(ends) == 1


def test_route_own_is_that_of_each_task_alone_and_route_free_is_scored(world: World, store: Store) -> None:
    walk = Walk(order=NAMES, learner=LEARNER, seed=0, beyond=Beyond(ahead=True, label_space=NAMES))
    graph = WalkGraph(world.step_inputs)
    steps = graph.steps(walk)
    results = world.learn([one for stages in steps for one in stages], store)
    trained = {one.step["task"]: one for one in results if one.step and one.step["stage"]["kind"] == "routed-adapter"}
    last = results[-1]
    assert last.scores.own.test[NAMES[-1]] == trained[NAMES[-1]].scores.latest.test[NAMES[-1]]
    evaluations = [one for one in graph.evaluations(walk) if one is not None]
    found = world.learn(evaluations, store)
    assert [set(one.scores.free.test) for one in found] == [set(NAMES)] * 4
    assert set(found[1].scores.latest.test) == set(NAMES[1:])


def test_on_route_free_all_classes_are_encoded_by_the_adapters_of_the_picture(
    world: World, model: ContinualModel
) -> None:
    answers = {task: world.worker_context.data[task].answers for task in NAMES}
    space = LabelSpace(model, answers, "float32")
    batch = world.worker_context.data["digits"].splits["test"].batch(torch.arange(6))
    with torch.no_grad():
        found, chosen = space.cosines(batch), AdapterRouter(model).choose(batch).tolist()
        for row, place in enumerate(chosen):
            model.told = True
            model.activate(sorted(NAMES)[place])
            alone = LabelSpace(model, answers, "float32").cosines(batch.at(torch.tensor([row])))
            assert torch.allclose(found[row], alone[0], atol=1e-5)


def test_prototypes_are_saved_with_the_head_and_loaded(model: ContinualModel, tmp_path: Path, world: World) -> None:
    model.save("digits", tmp_path)
    other = model.readout("digits")
    model.detach()
    again = world.model()
    again.load("digits", tmp_path)
    one = again.readout("digits")
    assert isinstance(one, RoutedReadout)
    assert isinstance(other, RoutedReadout)
    assert one.is_known
    assert torch.equal(one.prototypes, other.prototypes)
    again.detach()


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 99))
def test_centres_are_unit_and_as_near_as_those_of_one_more_round(size: int, count: int, seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    rows = normalize(torch.randn(size, 4, generator=source), dim=-1)
    found = centroids(rows, count, source)
    assert found.shape == (count, 4)
    norms = found.norm(dim=-1)
    assert torch.allclose(norms, torch.ones(count), atol=1e-5)
    assert (rows @ found.T).amax(1).mean() >= (rows @ normalize(rows.mean(0), dim=0)).mean() - 1e-5 or count == 1


def test_rows_of_as_many_kinds_as_centres_are_found_again() -> None:
    kinds = torch.eye(4)
    rows = normalize(kinds.repeat_interleave(6, 0) + 0.01 * torch.randn(24, 4), dim=-1)
    found = centroids(rows, 4, torch.Generator().manual_seed(0))
    assert (found @ kinds.T).amax(0).min() > 0.99


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"prototypes": 0}, "known by 1 or more"), ({"records": 0}, "1 training record"), ({"rank": 0}, "rank of 1")],
)
def test_a_number_out_of_its_range_is_refused(changed: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(RoutedAdapters(), **changed)  # type: ignore[arg-type]


def test_a_readout_in_words_is_refused() -> None:
    with pytest.raises(UserError, match="'routed-adapters' does not work with the readout 'generation'"):
        RoutedAdapters().with_readout("generation")
