"""An export of a stack on a dual encoder: its README's code answers as the store's step."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from atlas.learners import Lwf
from atlas.maintenance.export import Sources, export_step
from atlas.maintenance.export_encoder import OTHER, VILT, encoder_code
from atlas.serving.model_record import ServedTask
from atlas.serving.request import Request
from atlas.steps.train import load_model
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.small import SCHEDULE, World, atlas, make_world

ORDER = ("easy-pair", "piqa-twin")
CHOICES = ["put the red circle on it", "eat the blue square"]
LIMITS = {"train": 24, "val": 8, "test": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def clip_world(data: Path) -> World:
    return make_world("clip-tiny", data, [TASKS[name] for name in ORDER], LIMITS)


@pytest.mark.parametrize("learner", [atlas(), Lwf(schedule=SCHEDULE)], ids=["adapters", "a tuned backbone"])
def test_the_readmes_code_answers_as_the_stores_step(
    learner: Any, clip_world: World, data: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = clip_world.walk(*ORDER, learner=learner)
    clip_world.learn(steps, store)
    folder = tmp_path / "stack"
    export_step(store, steps[-1].key, folder, sources=Sources(data=data))
    _, code = re.findall(r"```(?:python)?\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    with torch.no_grad():
        names["answer"]("piqa-twin", CHOICES)
        found = names["logits"]("piqa-twin", CHOICES).tolist()
    model = load_model(steps[-1], clip_world.worker_context, store)
    try:
        served = ServedTask.of(clip_world.prepared["piqa-twin"].card)
        request = Request(task="piqa-twin", text=json.dumps(CHOICES))
        with torch.no_grad():
            wanted = model(request.batch(served, clip_world.worker_context.backbone.processor), "piqa-twin")[0].tolist()
    finally:
        model.detach()
    assert found == pytest.approx(wanted, abs=1e-4)


def test_peft_finds_transformers_own_class(clip_world: World, data: Path, store: Store, tmp_path: Path) -> None:
    from peft import AutoPeftModel
    from transformers import CLIPModel

    steps = clip_world.walk("easy-pair")
    clip_world.learn(steps, store)
    export_step(store, steps[-1].key, tmp_path / "stack", sources=Sources(data=data))
    model = AutoPeftModel.from_pretrained(tmp_path / "stack" / "easy-pair", adapter_name="easy-pair")
    assert isinstance(model.base_model.model, CLIPModel)


def test_the_family_is_told_by_the_processor_or_by_the_adapters(tmp_path: Path) -> None:
    assert encoder_code(tmp_path) is VILT
    (tmp_path / "digits").mkdir()
    adapter = tmp_path / "digits" / "adapter_config.json"
    for name, code in (("CLIPModel", OTHER), ("ViltModel", VILT)):
        adapter.write_text(json.dumps({"auto_mapping": {"base_model_class": name}}))
        assert encoder_code(tmp_path) is code
    (tmp_path / "processor").mkdir()
    (tmp_path / "processor" / "config.json").write_text('{"model_type": "siglip"}')
    assert encoder_code(tmp_path) is OTHER
