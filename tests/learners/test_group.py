from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small import SCHEDULE, World, atlas
from torch import nn

from atlas.learners import AdapterFusion, Ewc, Joint, Learner, Lwf, Memory, Replay
from atlas.learners.group import Group
from atlas.step import Evaluation, Surroundings, walk
from atlas.store import Store

EVALUATION = Evaluation(val=16, test=16)
SHARED = replace(SCHEDULE, steps=3)


def test_alone_nothing_is_wrapped_shared_or_summed() -> None:
    group, module, values = Group(), nn.Linear(1, 1), torch.arange(5)
    assert group.wrap(module) is module
    assert group.share(values).equal(values)
    assert group.total(values).equal(values)
    with group.without_sync(module):
        assert module(torch.ones(1)).requires_grad


def test_the_shares_of_all_processes_are_the_whole_and_equal() -> None:
    shares = [Group(rank=rank, size=3).share(torch.arange(12)) for rank in range(3)]
    assert torch.cat(shares).sort().values.equal(torch.arange(12))
    assert {len(share) for share in shares} == {4}


LEARNERS: tuple[tuple[Learner, tuple[str, ...]], ...] = (
    (atlas(experience=SHARED, expansion=SHARED), ("digits", "easy-vqa")),
    (Ewc(schedule=SHARED, records=5), ("digits", "easy-vqa")),
    (Replay(schedule=replace(SHARED, accumulate=2), memory=Memory(records=6)), ("digits", "easy-vqa", "piqa-twin")),
    (Lwf(schedule=SHARED), ("digits", "easy-vqa")),
    (Joint(schedule=SHARED), ("digits", "easy-vqa")),
    (AdapterFusion(like=atlas(), composition=SHARED), ("digits", "easy-vqa")),
)


def learn_in_a_group(rank: int, size: int, backbone: str, prepared: dict[str, str], folder: str) -> None:
    """One process of a group: every learner along its tasks, into a store that all of them share."""
    torch.set_num_threads(1)
    if size > 1:
        address = f"file://{folder}/rendezvous"
        torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=size)
    from atlas.advance import advance, open_bench

    bench = open_bench(backbone, prepared, Group(rank=rank, size=size))
    around = Surroundings(backbone=bench.backbone.digest, data=dict.fromkeys(prepared, "x"), evaluation=EVALUATION)
    store = Store.open(f"{folder}/{size}")
    for learner, order in LEARNERS:
        for step in (step for stages in walk(order, learner, 0, around) for step in stages):
            advance(step, bench, store)
            if size > 1:
                torch.distributed.barrier()
    if size > 1:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_the_same_global_batch(small_world: World, tmp_path: Path) -> None:
    folder = str(small_world.bench.backbone.processor.folder)
    prepared = {task: str(small_world.prepared[task].path) for task in ("digits", "easy-vqa", "piqa-twin")}
    learn_in_a_group(0, 1, folder, prepared, str(tmp_path))
    torch.multiprocessing.spawn(learn_in_a_group, args=(2, folder, prepared, str(tmp_path)), nprocs=2)
    alone, both = (Store.open(str(tmp_path / str(size))) for size in (1, 2))
    keys = list(alone.keys())
    assert len(keys) == 3 + 2 + 3 + 2 + 2 + 3
    assert list(both.keys()) == keys
    for key in keys:
        one, other = (tensors(store.fetch(key, tmp_path / "fetched")) for store in (alone, both))
        assert one.keys() == other.keys()
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=1e-3 if "fisher" in name else 0, atol=1e-5)
        facts = [store.read_facts(key) for store in (alone, both)]
        assert facts[0]["scores"] == facts[1]["scores"]
        losses = [[loss for _, loss in fact["losses"]] for fact in facts]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.name}/{name}": value
        for path in sorted(folder.rglob("*.safetensors"))
        for name, value in load_file(path).items()
    }
