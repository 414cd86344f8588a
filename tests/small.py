"""Small learners on real data, and a world to advance their steps in."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import ViltConfig, ViltModel

from atlas.backbones import load
from atlas.data.prepare import Prepared, prepare
from atlas.learners import Learner, Schedule, TwoStage
from atlas.learners.continual_model import ContinualModel
from atlas.steps.step import Evaluation, Step, StepInputs
from atlas.steps.train import WorkerContext, open_task, train_step
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from atlas.tasks import Task
from tests.walks import walk

LIMITS = {"train": 96, "val": 32, "test": 40}
SCHEDULE = Schedule(steps=2, batch_size=8, learning_rate=2e-3, query_rate_factor=10.0)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "what", "is", "the", "shape", "color", "colour", "in", "image", "there"]
WORDS += ["a", "an", "no", "not", "does", "contain", "present", "this", "of", "?", ".", "red", "green", "blue", "teal"]
WORDS += ["black", "gray", "yellow", "brown", "circle", "triangle", "rectangle"]


def atlas(**changed: Any) -> TwoStage:
    """ATLAS with tiny adapters and two updates a stage."""
    return replace(TwoStage(rank=4, experience=SCHEDULE, expansion=SCHEDULE), **changed)


@dataclass(frozen=True, kw_only=True)
class World:
    """A bench, and the surroundings and prepared data of its tasks."""

    worker_context: WorkerContext
    step_inputs: StepInputs
    prepared: Mapping[str, Prepared]

    def walk(self, *order: str, learner: Learner | None = None, seed: int = 0) -> list[Step]:
        """The steps of one walk, all stages in a row."""
        return [step for stages in walk(order, learner or atlas(), seed, self.step_inputs) for step in stages]

    def learn(self, steps: Iterable[Step], store: Store) -> list[StepResult]:
        """The results of the steps, trained unless the store has them."""
        return [
            artifact.result if (artifact := store.find(step.key)) else train_step(step, self.worker_context, store)
            for step in steps
        ]

    def model(self) -> ContinualModel:
        """An empty stack on the bench's backbone; detach it."""
        return self.worker_context.empty_model()


def make_world(backbone: str | Path, root: Path, tasks: Iterable[Task], limits: Mapping[str, int] = LIMITS) -> World:
    """Prepare the first records of each task for a backbone, and open a bench over them."""
    loaded = load(backbone)
    prepared = {task.name: prepare(task, processor=loaded.processor, root=root, limits=limits) for task in tasks}
    return World(
        worker_context=WorkerContext(
            backbone=loaded, data={name: open_task(one.path) for name, one in prepared.items()}
        ),
        step_inputs=StepInputs(
            backbone=loaded.digest,
            data={name: one.fingerprint for name, one in prepared.items()},
            evaluation=Evaluation(val=16, test=16),
        ),
        prepared=prepared,
    )


def write_small_vilt(folder: Path) -> Path:
    """A ViLT of two layers with random weights that depend on nothing but this file, and its tokenizer."""
    config = ViltConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
        image_size=32,
        patch_size=8,
        modality_type_vocab_size=3,
    )
    weights = {name: _drawn(name, value) for name, value in ViltModel(config).state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config.to_dict() | {"transformers_version": ""}, sort_keys=True))
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _drawn(name: str, like: Tensor) -> Tensor:
    """Random numbers for a parameter, decided by its name; LayerNorms stay as they are."""
    if not like.is_floating_point() or "layernorm" in name:
        return like.contiguous()
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    return 0.2 * torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def contents(store: Store, step: Step) -> dict[str, str]:
    """The digests of a step's files, but for the one that holds times."""
    entry = store.find(step.key)
    assert entry is not None
    return {name: sha for name, (sha, _) in entry.files.items() if name != "result.json"}


def outcome(result: StepResult) -> dict[str, Any]:
    """A step's result as JSON, without the times."""
    kept = {name: value for name, value in result.to_json().items() if name not in ("cost", "began", "ended")}
    return dict(json.loads(json.dumps(kept)))


def weights(store: Store, step: Step) -> dict[str, Tensor]:
    """Every tensor that a step left in the store, by file and name."""
    folder = store.fetch(step.key, Path(tempfile.gettempdir()) / step.key)
    return {
        f"{path.relative_to(folder)}/{name}": value
        for path in sorted(folder.rglob("*.safetensors"))
        for name, value in load_file(path).items()
    }


def seed_by_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every learner draw the same numbers for a task: to compare two learners that should be one."""

    def random_seed(step: Step, purpose: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{step.task}/{purpose}".encode()).digest()[:7], "big")

    monkeypatch.setattr(Step, "random_seed", random_seed)


def assert_same_learning(world: World, store: Store, one: Learner, other: Learner, *order: str) -> None:
    """Both learners learn and score the same, bit for bit, along `order`; the second may keep more files."""
    walks = [world.walk(*order, learner=learner) for learner in (one, other)]
    facts = [world.learn(steps, store) for steps in walks]
    for first, second in zip(*facts, strict=True):
        assert first.losses == second.losses
        assert first.scores == second.scores
    for first, second in zip(*walks, strict=True):
        kept = weights(store, second)
        assert first.key != second.key
        assert [name for name, value in weights(store, first).items() if not torch.equal(kept[name], value)] == []
