from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from atlas.learners import FineTuning, Memory, Replay
from atlas.learners.hooks import PriorStep, StageContext
from atlas.learners.process_group import ProcessGroup
from atlas.learners.replay import ReplayHooks, ReplayStage
from atlas.runtime.errors import AtlasError
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, assert_same_learning, seed_by_task, weights

ORDER = ("digits", "easy-vqa", "piqa-twin")


def learner(records: int = 6, **values: Any) -> Replay:
    return Replay(schedule=SCHEDULE, memory=Memory(records=records), **values)


@pytest.mark.parametrize("empty", [learner(records=0), learner(weight=0.0)])
def test_with_an_empty_memory_it_is_fine_tuning(
    small_world: World, store: Store, empty: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_by_task(monkeypatch)
    assert_same_learning(small_world, store, FineTuning(schedule=SCHEDULE), empty, *ORDER)


def test_with_a_memory_it_is_not(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    plain, replayed = (
        small_world.learn(small_world.walk(*ORDER[:2], learner=one), store) for one in (learner(0), learner(6))
    )
    assert plain[0].losses == replayed[0].losses
    assert plain[1].losses != replayed[1].losses
    assert (plain[1].records, replayed[1].records) == (16, 32)


def test_the_numbers_of_the_records_are_kept_with_the_step(small_world: World, store: Store) -> None:
    facts = small_world.learn(small_world.walk(*ORDER[:2], learner=learner()), store)
    for fact, task in zip(facts, ORDER, strict=False):
        assert len(set(fact.hooks["memory"])) == 6
        assert max(fact.hooks["memory"]) < len(small_world.worker_context.data[task].splits["train"])


def test_the_heads_of_what_is_remembered_are_learnt_along_and_kept(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER[:2], learner=learner())
    small_world.learn(steps, store)
    first, second = (weights(store, step) for step in steps)
    name = "3.weight"
    assert not torch.equal(second[f"heads/digits.safetensors/{name}"], first[f"head.safetensors/{name}"])


def test_tasks_take_turns_and_only_remembered_records_come_back(small_world: World) -> None:
    model, memories = small_world.model(), {"digits": [3, 5], "easy-vqa": [7]}
    for task in memories:
        model.ensure_head(task, torch.Generator().manual_seed(0))
    context = StageContext(
        model=model,
        task="piqa-twin",
        data=small_world.worker_context.data,
        group=ProcessGroup(),
        seed=len,
        prior_steps=[
            PriorStep(task=task, folder=Path(), result=StepResult(hooks={"memory": memory}))
            for task, memory in memories.items()
        ],
    )
    hooks = ReplayHooks(context, ReplayStage(schedule=SCHEDULE, weight=0.5))
    draws = [draw for _ in range(4) for draw in hooks.replay()]
    assert [draw.data.name for draw in draws] == ["digits", "easy-vqa"] * 2
    assert [set(draw.indices.tolist()) for draw in draws] == [{3, 5}, {7}] * 2
    assert {(len(draw.indices), draw.weight) for draw in draws} == {(SCHEDULE.batch_size, 0.5)}
    assert Counter(draws[0].indices.tolist()) == {3: 4, 5: 4}
    assert hooks.find_unused_parameters


def test_a_balanced_memory_holds_as_many_of_each_class(small_world: World) -> None:
    data = small_world.worker_context.data["digits"]
    chosen = Memory(records=20, chosen="balanced").choose(data, seed=1)
    labels = Counter(data.splits["train"].targets[chosen].tolist())
    assert set(labels.values()) == {2}
    assert chosen == sorted(set(chosen))


def test_a_memory_is_a_function_of_its_seed(small_world: World) -> None:
    data = small_world.worker_context.data["digits"]
    one, again, other = (Memory(records=9, chosen="random").choose(data, seed=seed) for seed in (1, 1, 2))
    assert one == again != other


def test_a_memory_larger_than_the_task_is_all_of_it(small_world: World) -> None:
    data = small_world.worker_context.data["digits"]
    assert Memory(records=10**6).choose(data, seed=0) == list(range(len(data.splits["train"])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Memory(records=-1), "records is -1; give how many"),
        (lambda: Memory(chosen="balancd"), "Did you mean 'balanced'"),
        (lambda: Replay(weight=-1.0), "weight is -1"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        make()
