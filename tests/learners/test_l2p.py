from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from atlas.learners import L2p
from atlas.learners.readouts.prompted import PoolSettings, PromptedHead, PromptedReadout, PromptedSimilarity, PromptPool
from atlas.learners.scores import SCORES
from atlas.runtime.errors import AtlasError
from atlas.steps.step import StepInputs
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import write_clip
from tests.small import SCHEDULE, World, make_world, weights

LEARNER = L2p(schedule=SCHEDULE, size=6, length=2, chosen=3)
SETTINGS = PoolSettings(size=6, length=2, chosen=3, weight=0.25)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_query_chooses_the_prompts_of_the_nearest_keys() -> None:
    pool, query = PromptPool(SETTINGS, width=5, query_width=4, generator=drawn()), torch.randn(7, 4, generator=drawn(1))
    with torch.no_grad():
        prompts, distance = pool(query)
    cosines = nn.functional.cosine_similarity(query[:, None], pool.keys[None], dim=-1)
    expected = 0.0
    for row, found in zip(cosines, prompts, strict=True):
        best = sorted(range(6), key=row.tolist().__getitem__, reverse=True)[:3]
        assert torch.equal(found, torch.cat([pool.prompts[number] for number in best]))
        expected += sum(1 - row.tolist()[number] for number in best) / 7
    assert float(distance) == pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def clip_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("l2p")
    limits = {"train": 16, "val": 8, "test": 8}
    return make_world(write_clip(root / "clip"), root / "data", [TASKS[one] for one in ("digits", "easy-vqa")], limits)


@pytest.mark.parametrize("kind", [PromptedHead, PromptedSimilarity])
@pytest.mark.parametrize("task", ["digits", "easy-vqa"])
def test_the_loss_is_that_of_the_prompted_answer_and_the_keys_distance(
    kind: type[PromptedReadout], task: str, clip_world: World
) -> None:
    backbone, data = clip_world.worker_context.backbone, clip_world.worker_context.data[task]
    readout = kind(backbone, data.form, SETTINGS, drawn())
    batch = data.splits["train"].batch(torch.arange(4))
    with torch.no_grad():
        query = backbone(batch.pixels, batch.tokens[:, :1], batch.mask[:, :1])[:, 0]
        prompts, distance = readout.pool(query)
        with backbone.prompted(prompts):
            outputs = readout.answering.read(backbone, batch)
        expected = nn.functional.cross_entropy(readout.answering.logits(outputs), batch.targets) + 0.25 * distance
        found, pooled = readout.loss(backbone, batch, SCORES["accuracy"])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(pooled, outputs)


def test_tasks_share_the_pool_and_keep_their_own_answers(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=LEARNER)
    small_world.learn(steps, store)
    first, second = (weights(store, step) for step in steps)
    digits = {name.removeprefix("head.safetensors/"): value for name, value in first.items()}
    again = {
        name.removeprefix("heads/digits.safetensors/"): value
        for name, value in second.items()
        if name.startswith("heads/digits")
    }
    newest = {name.removeprefix("head.safetensors/"): value for name, value in second.items()}
    assert digits.keys() == again.keys()
    for name, value in again.items():
        if name.startswith("pool."):
            assert torch.equal(value, newest[name])
            assert not torch.equal(value, digits[name])
        else:
            assert torch.equal(value, digits[name])


def test_it_comes_back_with_its_settings(clip_world: World, tmp_path: Path) -> None:
    models = [clip_world.model(), clip_world.model()]
    models[0].heads["digits"] = PromptedSimilarity(models[0].backbone, models[0].forms["digits"], SETTINGS)
    models[0].save("digits", tmp_path)
    models[1].load("digits", tmp_path)
    again = models[1].readout("digits")
    assert isinstance(again, PromptedSimilarity)
    assert again.made_of == SETTINGS
    batch = clip_world.worker_context.data["digits"].splits["train"].batch(torch.arange(2))
    with torch.no_grad():
        assert torch.equal(*(model(batch, "digits") for model in models))


def test_its_readout_follows_the_sweeps() -> None:
    assert L2p().stages(0)[0].readout == "prompted-head"
    learner = L2p().with_readout("similarity")
    assert learner.given(learner.stages(0)[0]).readout == "prompted-similarity"
    inputs = StepInputs(backbone="b", data={"digits": "d"}, templates={"digits": ("{} !",)})
    assert inputs.templates_for("prompted-similarity", ["digits"]) == (("digits", ("{} !",)),)
    with pytest.raises(AtlasError, match="does not work with the readout 'likelihood'"):
        L2p().with_readout("likelihood")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": 0}, "length is 0"),
        ({"chosen": 11}, "chosen is 11 of a pool of 10"),
        ({"weight": -0.5}, "weight is -0.5"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        L2p(**values)
