from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from atlas.backbones.generative.decoding import likelihoods
from atlas.learners import MoeAdapters, SharedAdapter
from atlas.learners.continual_model import ContinualModel
from atlas.learners.moe_adapters import MoeStage
from atlas.learners.readouts.worded import Worded, generative
from atlas.learners.routing import Router, Routing, mixed
from atlas.learners.site_combination import mean_over
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.backbones.generative.checkpoints import CHECKPOINTS
from tests.small import SCHEDULE, World, make_world, seed_by_task, weights

LEARNER = MoeAdapters(schedule=SCHEDULE, experts=4, top=2, rank=2, records=8)
STAGE = MoeStage(schedule=SCHEDULE, experts=4, top=2, rank=2, records=8)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def awake(model: ContinualModel) -> ContinualModel:
    """The model with experts that do something: as drawn, their up-projections are 0."""
    for number, site in enumerate(model.adapters.sites().values()):
        for up in site.atlas_up.values():
            up.data.normal_(0, 0.3, generator=drawn(number))
    return model


def routing_of(model: ContinualModel, task: str) -> Routing:
    found = model.composition(task)
    assert isinstance(found, Routing)
    return found


def test_gates_are_those_of_the_likeliest_experts() -> None:
    router, mean = Router(6, 5, drawn()).requires_grad_(False), torch.randn(7, 6, generator=drawn(1))
    found = router(mean, 2)
    logits = mean @ router.weight
    for row, values in zip(found, logits, strict=True):
        best = values.topk(2)
        torch.testing.assert_close(row[best.indices], best.values.softmax(0))
    assert torch.equal((found > 0).sum(1), torch.full((7,), 2))


def test_gates_are_noisy_while_they_are_trained_alone() -> None:
    router, mean = Router(6, 5, drawn()), torch.randn(50, 6, generator=drawn(1))
    chosen = [(router(mean, 1) > 0) for _ in range(2)]
    assert not torch.equal(*chosen)
    router(mean, 2).square().sum().backward()
    assert router.weight.grad is not None
    assert router.noise.grad is not None
    assert router.noise.grad.abs().sum() > 0
    with torch.no_grad():
        assert torch.equal(router(mean, 2), router(mean, 2))


def test_a_site_adds_what_its_experts_say_by_their_gates(small_world: World) -> None:
    model = small_world.model()
    STAGE.begin(model, "digits", drawn())
    site = next(iter(awake(model).adapters.sites().values()))
    x, gates = torch.randn(3, 5, site.in_features), torch.rand(3, 4)
    h = site.base_layer(x)
    expected = h.clone()
    for expert in range(4):
        ranks = slice(2 * expert, 2 * expert + 2)
        said = x @ site.atlas_down["digits"][ranks].T @ site.atlas_up["digits"][:, ranks].T
        expected = expected + gates[:, expert, None, None] * said
    with torch.no_grad():
        torch.testing.assert_close(mixed(site, "digits", x, h, gates), expected)
    model.detach()


def test_one_expert_is_a_shared_lora(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    kept = []
    for learner in (
        MoeAdapters(schedule=SCHEDULE, experts=1, top=1, rank=3, records=4),
        SharedAdapter(schedule=SCHEDULE, adapter="lora", rank=3),
    ):
        steps = small_world.walk("digits", learner=learner)
        small_world.learn(steps, store)
        found = weights(store, steps[0])
        kept.append({name: value for name, value in found.items() if name.startswith(("adapter/", "head"))})
    assert kept[0].keys() == kept[1].keys()
    for name, value in kept[0].items():
        torch.testing.assert_close(value, kept[1][name], rtol=1e-3, atol=1e-5)


def test_the_most_used_experts_are_frozen_and_later_tasks_leave_them(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=LEARNER)
    results = small_world.learn(steps, store)
    models = [load_model(steps[0], small_world.worker_context, store)]
    first, frozen = routing_of(models[0], "digits"), dict(routing_of(models[0], "digits").frozen)
    assert results[0].hooks["frozen_experts"] == 2 * len(frozen)
    assert all(int(mask.sum()) == 2 for mask in frozen.values())
    before = {name: site.atlas_down["digits"].detach().clone() for name, site in models[0].adapters.sites().items()}
    models[0].detach()
    after = load_model(steps[1], small_world.worker_context, store)
    moved = 0
    for name, site in after.adapters.sites().items():
        same = (site.atlas_down["easy-vqa"] == before[name]).all(1).view(4, 2).all(1)
        assert torch.equal(same & frozen[name], frozen[name])
        moved += int((~same).sum())
        assert torch.equal(routing_of(after, "easy-vqa").frozen[name] & frozen[name], frozen[name])
    assert moved > 0
    again = routing_of(after, "easy-vqa").routers["digits"]
    for one, other in zip(first.routers["digits"].parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    after.detach()


def test_each_task_has_its_own_router_and_one_without_is_answered_by_the_backbone(small_world: World) -> None:
    model, data = small_world.model(), small_world.worker_context.data
    tasks = ("digits", "easy-vqa", "piqa-twin")
    batch = data["digits"].splits["train"].batch(torch.arange(4))
    bare = {}
    for task in tasks:
        model.ensure_head(task, drawn())
    with torch.no_grad():
        bare["piqa-twin"] = model.backbone(batch.pixels, batch.tokens, batch.mask)
        STAGE.begin(model, "digits", drawn(1))
        STAGE.begin(model, "easy-vqa", drawn(2))
        awake(model)
        found = {task: model.pool(batch, task) for task in tasks}
    torch.testing.assert_close(found["piqa-twin"], bare["piqa-twin"])
    assert not torch.allclose(found["digits"], found["easy-vqa"])
    assert not torch.allclose(found["digits"], found["piqa-twin"])
    model.detach()


def test_the_mean_is_over_the_prompt() -> None:
    x, prompt = torch.randn(2, 4, 3), torch.tensor([[True, True, False, False], [False, True, True, True]])
    torch.testing.assert_close(mean_over(x, prompt), torch.stack([x[0, :2].mean(0), x[1, 1:].mean(0)]))
    torch.testing.assert_close(mean_over(x, None), x.mean(1))


def test_on_a_decoder_gates_are_kept_for_the_answer(tmp_path: Path) -> None:
    """Answers after a prompt that was read once are as likely as in one pass over both."""
    world = make_world(CHECKPOINTS["smolvlm"](tmp_path / "m"), tmp_path / "data", [TASKS["digits"]], {"train": 4})
    model = world.model()
    model.new_readout = "likelihood"
    STAGE.begin(model, "digits", drawn())
    awake(model)
    batch = world.worker_context.data["digits"].splits["train"].batch(torch.arange(3))
    readout = model.readout("digits")
    assert isinstance(readout, Worded)
    with torch.no_grad():
        kept = model.pool(batch, "digits")
        asked = readout.following(model.given(batch, "digits"), readout.padded[None].expand(3, -1, -1))
        whole = likelihoods(generative(model.backbone), asked.pixels, asked.tokens, asked.mask)
    torch.testing.assert_close(kept, whole, rtol=1e-4, atol=1e-3)
    model.detach()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top": 3, "experts": 2}, "top is 3 of 2 experts"),
        ({"rank": 0}, "rank is 0"),
        ({"records": 0}, "records is 0"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        MoeAdapters(**values)
