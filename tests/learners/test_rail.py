from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from atlas.learners import Rail
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.ridge import Ridge, RidgeSettings
from atlas.learners.ridge import Statistics, rows_of, solve, task_statistics
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from tests.small import World, weights

ORDER = ("digits", "easy-vqa", "piqa-twin")
LEARNER = Rail(hidden=64)


def recursion(tasks: list[tuple[Tensor, Tensor]], ridge: float) -> Tensor:
    """W [H, K of all] by the paper's recursion (Theorem 1), one task after the other."""
    width = tasks[0][0].shape[1]
    memory, found = torch.eye(width, dtype=torch.float64) / ridge, torch.zeros(width, 0, dtype=torch.float64)
    for phi, y in tasks:
        inner = torch.eye(len(phi), dtype=torch.float64) + phi @ memory @ phi.T
        memory = memory - memory @ phi.T @ torch.linalg.solve(inner, phi @ memory)
        found = torch.cat([found - memory @ phi.T @ phi @ found, memory @ phi.T @ y], 1)
    return found


@given(
    sizes=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 4)), min_size=1, max_size=4),
    ridge=st.floats(0.01, 10),
    seed=st.integers(0, 2**31),
)
def test_the_papers_recursion_over_tasks_is_the_solution_of_all_at_once(
    sizes: list[tuple[int, int]], ridge: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    tasks = [
        (torch.rand(n, 12, generator=generator).double(), torch.rand(n, k, generator=generator).double())
        for n, k in sizes
    ]
    found = solve([(str(number), Statistics.of(*task)) for number, task in enumerate(tasks)], ridge)
    torch.testing.assert_close(torch.cat(list(found.values()), 1), recursion(tasks, ridge), rtol=1e-5, atol=1e-7)


@pytest.fixture(scope="module")
def store_of_all(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(str(tmp_path_factory.mktemp("rail")))


def solution(world: World, store: Store, *order: str, learner: Rail = LEARNER) -> dict[str, Tensor]:
    """The weights of every task after an order."""
    world.learn(steps := world.walk(*order, learner=learner), store)
    model = load_model(steps[-1], world.worker_context, store)
    model.detach()
    return {task: model.heads[task].get_parameter("weight").data for task in order}


def test_it_is_the_regression_on_all_records_whatever_their_order(small_world: World, store_of_all: Store) -> None:
    found = [solution(small_world, store_of_all, *order) for order in permutations(ORDER)]
    for other in found[1:]:
        assert all(torch.equal(found[0][task], other[task]) for task in ORDER)
    steps = small_world.walk(*ORDER, learner=LEARNER)
    model = load_model(steps[-1], small_world.worker_context, store_of_all)
    rows: list[tuple[Tensor, Tensor]] = []
    for task in ORDER:
        data, head = small_world.worker_context.data[task], model.heads[task]
        batch = data.splits["train"].batch(torch.arange(len(data.splits["train"])))
        with torch.no_grad():
            features = head.random_features(model.pool(batch, task)).flatten(0, 1)  # type: ignore[operator]
        rows.append((features.double(), rows_of(batch, data.outputs).double()))
    model.detach()
    joint = recursion(rows, LEARNER.ridge).split([y.shape[1] for _, y in rows], dim=1)
    for task, expected in zip(ORDER, joint, strict=True):
        torch.testing.assert_close(found[0][task].double(), expected, rtol=1e-5, atol=1e-5)


def test_a_tasks_own_step_is_shared_by_all_orders_and_no_record_is_kept(
    small_world: World, store_of_all: Store
) -> None:
    first, second = (small_world.walk(*order, learner=LEARNER) for order in (ORDER, ORDER[::-1]))
    assert first[-2].key == second[0].key
    results = small_world.learn(first, store_of_all)
    assert [(result.updates, result.records, result.losses) for result in results] == [(0, 0, ())] * len(first)
    assert first[0].title == "digits (regression)"
    kept = weights(store_of_all, first[0])
    assert {name: value.shape for name, value in kept.items()} == {
        "head.safetensors/weight": (64, 10),
        "regression.safetensors/gram": (64 * 65 // 2,),
        "regression.safetensors/cross": (64, 10),
    }


def test_the_draw_is_that_of_a_walks_seed_for_all_its_tasks(small_world: World, store: Store) -> None:
    projections = []
    for seed in (0, 1):
        steps = small_world.walk("digits", "easy-vqa", learner=LEARNER, seed=seed)
        small_world.learn(steps, store)
        model = load_model(steps[-1], small_world.worker_context, store)
        model.detach()
        one, other = (model.heads[task].get_buffer("projection") for task in ("digits", "easy-vqa"))
        assert torch.equal(one, other)
        projections.append(one)
    assert not torch.equal(*projections)


def test_with_many_features_it_knows_its_records(small_world: World, store: Store) -> None:
    """96 of them are told apart by 1,024 features, as good as without a λ."""
    (step,) = small_world.walk("digits", learner=Rail(ridge=1e-6))
    small_world.learn([step], store)
    model, train = load_model(step, small_world.worker_context, store), small_world.worker_context.data["digits"]
    batch = train.splits["train"].batch(torch.arange(96))
    with torch.no_grad():
        found = model(batch, "digits").argmax(1)
    model.detach()
    assert (found == batch.targets).float().mean() > 0.95


def test_the_sums_of_workers_are_those_of_one(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.all_reduce", lambda values: values)
    model, data = small_world.model(), small_world.worker_context.data["piqa-twin"]
    model.heads["piqa-twin"] = Ridge.of(model.backbone, data.form, RidgeSettings(hidden=8))
    groups = (ProcessGroup(), *(ProcessGroup(rank=rank, size=3) for rank in range(3)))
    whole, *shares = (task_statistics(model, data, group) for group in groups)
    together = shares[0] + shares[1] + shares[2]
    torch.testing.assert_close((together.gram, together.cross), (whole.gram, whole.cross))


def test_statistics_come_back_as_they_were(tmp_path: Path) -> None:
    one = Statistics.of(torch.randn(5, 7), torch.rand(5, 3))
    one.save(tmp_path)
    again = Statistics.load(tmp_path, torch.device("cpu"))
    assert torch.equal(again.gram, one.gram.tril() + one.gram.tril(-1).T)
    assert torch.equal(again.cross, one.cross)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hidden": 0}, "hidden is 0; give 1 random feature or more"),
        ({"ridge": 0.0}, "give λ above 0"),
        ({"share": 1.5}, "share is 1.5"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        Rail(**values)
    with pytest.raises(AtlasError, match="does not work with the readout 'likelihood'"):
        Rail().with_readout("likelihood")
