from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from atlas.learners import HeadOnly, Learner, SingleTaskAdapters
from atlas.learners.divergence import Diverged
from atlas.learners.evaluation import score
from atlas.learners.fit import fit
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from atlas.steps.loading import MissingParent
from atlas.steps.step import Step
from atlas.steps.train import load_model, open_worker_context, train_step
from atlas.storage.score_names import SPLITS
from atlas.storage.step_result import StepResult
from atlas.storage.store import CorruptArtifact, Store
from tests.small import SCHEDULE, World, atlas, contents, outcome

ORDER = ("digits", "easy-vqa", "piqa-twin")


@pytest.fixture(scope="module")
def learnt(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[Step], list[StepResult]]:
    """One walk along three tasks: the store, the steps and their results. Not to be altered."""
    store = Store.open(str(tmp_path_factory.mktemp("learnt")))
    steps = world.walk(*ORDER)
    return store, steps, world.learn(steps, store)


def test_the_same_steps_in_another_store_give_the_same_bits(world: World, learnt: Any, store: Store) -> None:
    first, steps, facts = learnt
    again = world.learn(steps, store)
    assert [outcome(one) for one in again] == [outcome(one) for one in facts]
    assert [contents(store, step) for step in steps] == [contents(first, step) for step in steps]


def test_what_else_is_learnt_in_between_does_not_matter(small_world: World, store: Store, tmp_path: Path) -> None:
    steps, alone = small_world.walk(*ORDER), Store.open(str(tmp_path / "alone"))
    facts = small_world.learn(steps, alone)
    for number, step in enumerate(steps):
        torch.manual_seed(number)
        small_world.learn(small_world.walk("piqa-twin", "digits", seed=number), store)
        assert outcome(small_world.learn([step], store)[0]) == outcome(facts[number])
    assert contents(store, steps[-1]) == contents(alone, steps[-1])


def test_a_walk_from_the_store_equals_one_kept_in_memory(world: World, learnt: Any) -> None:
    store, steps, _ = learnt
    model = world.model()
    for step in steps:
        step.stage.begin(model, step.task, torch.Generator().manual_seed(step.random_seed("initialise")))
        torch.manual_seed(step.random_seed("forward"))
        fit(
            model,
            step.stage,
            world.worker_context.data[step.task],
            seed=step.random_seed("records"),
            group=ProcessGroup(),
        )
    kept = snapshot(model.state_dict())
    model.detach()
    loaded = load_model(steps[-1], world.worker_context, store)
    found = snapshot(loaded.state_dict())
    loaded.detach()
    assert found.keys() == kept.keys()
    assert [name for name in kept if not torch.equal(found[name], kept[name])] == []


def snapshot(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def test_the_backbone_is_given_back_as_it_was(world: World, store: Store) -> None:
    before = snapshot(world.worker_context.backbone.state_dict())
    world.learn(world.walk("digits", "piqa-twin"), store)
    after = world.worker_context.backbone.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in world.worker_context.backbone.parameters())


def test_every_task_seen_is_scored_once_a_task_is_learnt(learnt: Any) -> None:
    _, steps, facts = learnt
    for step, fact in zip(steps, facts, strict=True):
        seen = set(step.order) if step.stage.last else {step.task}
        assert all(set(by_task) == seen for by_task in (fact.scores.latest.val, fact.scores.latest.test))
        assert set(fact.scores.own.test) == set(step.order)


def test_the_route_own_never_changes_a_score(learnt: Any) -> None:
    _, steps, facts = learnt
    last = facts[-1].scores.own
    for step, fact in zip(steps, facts, strict=True):
        if step.stage.last:
            diagonal = {split: fact.scores.latest.of(split)[step.task] for split in SPLITS}
            assert {split: last.of(split)[step.task] for split in SPLITS} == diagonal


def test_the_route_own_is_what_scoring_with_a_tasks_own_adapters_gives(world: World, learnt: Any) -> None:
    store, steps, facts = learnt
    model = load_model(steps[-1], world.worker_context, store)
    for task in ORDER:
        model.activate(task)
        value = score(model, world.worker_context.data[task], "test", limit=16, group=ProcessGroup())
        assert value == facts[-1].scores.own.test[task]
    model.activate(ORDER[-1])
    value = score(model, world.worker_context.data["digits"], "test", limit=16, group=ProcessGroup())
    model.detach()
    assert value == facts[-1].scores.latest.test["digits"]


def test_another_seed_gives_another_result(small_world: World, store: Store) -> None:
    one, other = (small_world.learn(small_world.walk("digits", seed=seed), store)[0] for seed in (0, 1))
    assert one.losses != other.losses


def test_a_result_has_cost_and_extent(learnt: Any) -> None:
    _, steps, facts = learnt
    for step, fact in zip(steps, facts, strict=True):
        assert (fact.updates, fact.records) == (2, 16)
        assert [update for update, _ in fact.losses] == [1, 2]
        assert fact.cost.seconds >= fact.cost.learning > 0
        assert fact.cost.memory is not None
        assert fact.cost.memory > 2**20
        assert fact.ended >= fact.began
        assert fact.run == ""
        assert fact.order == step.order


@pytest.mark.parametrize("learner", [HeadOnly(schedule=SCHEDULE), SingleTaskAdapters(like=atlas())])
def test_a_learner_without_lineage_scores_the_same_whatever_was_learnt_before(
    small_world: World, learner: Learner, tmp_path: Path
) -> None:
    alone, late = Store.open(str(tmp_path / "alone")), Store.open(str(tmp_path / "late"))
    step = small_world.walk("easy-vqa", learner=learner)[-1]
    small_world.learn(small_world.walk("digits", "piqa-twin"), late)
    facts = small_world.learn(small_world.walk("piqa-twin", "digits", "easy-vqa", learner=learner), late)
    assert outcome(facts[-1]) == outcome(small_world.learn([step], alone)[0])
    assert contents(late, step) == contents(alone, step)


@pytest.mark.parametrize("task", ["piqa-twin", "easy-pair"])
def test_choices_and_pairs_of_pictures_are_learnt(world: World, store: Store, task: str) -> None:
    schedule = replace(SCHEDULE, steps=24)
    facts = world.learn(world.walk(task, learner=HeadOnly(schedule=schedule)), store)[0]
    losses = [loss for _, loss in facts.losses]
    assert len(losses) == 24
    assert sum(losses[-8:]) < 1.1 * sum(losses[:8])
    assert 0 <= facts.scores.latest.test[task] <= 100


def test_a_rate_without_measure_diverges_and_leaves_nothing(small_world: World, store: Store) -> None:
    before = snapshot(small_world.worker_context.backbone.state_dict())
    wild = replace(SCHEDULE, steps=4, learning_rate=1e30)
    with pytest.raises(Diverged, match=r"at update \d.*lower the learning rate"):
        small_world.learn(small_world.walk("digits", learner=atlas(expansion=wild)), store)
    assert list(store.keys()) == []
    assert before.keys() == small_world.worker_context.backbone.state_dict().keys()


def test_a_step_whose_past_is_missing_says_so(small_world: World, store: Store) -> None:
    with pytest.raises(MissingParent, match="is not in the store"):
        train_step(small_world.walk("digits", "easy-vqa")[1], small_world.worker_context, store)
    assert list(store.keys()) == []


def test_an_altered_past_is_put_aside(small_world: World, store: Store, tmp_path: Path) -> None:
    first, second = small_world.walk("digits", "easy-vqa")[:2]
    small_world.learn([first], store)
    weights = next((tmp_path / "store").rglob("adapter_model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    reopened = Store.open(str(tmp_path / "store"))
    begun: list[str] = []
    with pytest.raises(CorruptArtifact, match="another sha256"):
        train_step(second, small_world.worker_context, reopened, on_start=lambda: begun.append("too early"))
    assert begun == []
    assert reopened.find(first.key) is None
    small_world.learn([first], reopened)
    train_step(second, small_world.worker_context, reopened, on_start=lambda: begun.append("loaded"))
    assert begun == ["loaded"]
    assert reopened.verify(second.key)


def test_a_bench_with_another_backbone_is_refused(small_world: World, store: Store) -> None:
    step = replace(small_world.walk("digits")[0], backbone="0" * 64)
    with pytest.raises(AtlasError, match="needs the backbone 000000000000, this worker has"):
        train_step(step, small_world.worker_context, store)


def test_a_bench_without_the_tasks_data_is_refused(small_world: World, store: Store) -> None:
    worker_context = replace(small_world.worker_context, data={"easy-vqa": small_world.worker_context.data["easy-vqa"]})
    with pytest.raises(AtlasError, match="no prepared data here for digits"):
        train_step(small_world.walk("digits")[0], worker_context, store)


def test_a_bench_opens_by_names_and_folders(world: World, small_world: World) -> None:
    prepared = {"digits": str(small_world.prepared["digits"].path)}
    worker_context = open_worker_context(
        str(small_world.worker_context.backbone.processor.folder), prepared, ProcessGroup()
    )
    assert worker_context.backbone.digest == small_world.step_inputs.backbone
    assert worker_context.data["digits"].outputs == 10


def test_updates_are_told_as_they_are_done(small_world: World, store: Store) -> None:
    told: list[tuple[int, int, bool]] = []
    step = small_world.walk("digits")[0]

    def on_update(update: int, updates: int, loss: float | None = None) -> None:
        told.append((update, updates, loss is not None))

    train_step(step, small_world.worker_context, store, on_update)
    assert [(update, updates) for update, updates, _ in told] == [(1, 2), (2, 2)]
    assert told[-1][2]  # with the loss, once there is one
