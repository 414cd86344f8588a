"""Small Hugging Face models, and stacks of random adapters."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import BertConfig, BertModel, PreTrainedModel, ViltConfig, ViltModel

from atlas.adapters import AtlasConfig

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 30,
    "max_position_embeddings": 12,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def small_model(kind: str) -> tuple[PreTrainedModel, dict[str, torch.Tensor]]:
    """A model with random weights (the same each time) and inputs for it, 3 samples."""
    torch.manual_seed(0)
    inputs = {"input_ids": torch.randint(30, (3, 6))}
    if kind == "bert":
        return BertModel(BertConfig(**SMALL)), inputs
    inputs["pixel_values"] = torch.randn(3, 3, 16, 16)
    return ViltModel(ViltConfig(**SMALL, image_size=16, patch_size=8)), inputs


@pytest.fixture(params=["vilt", "bert"])
def model_and_inputs(request: pytest.FixtureRequest) -> tuple[PreTrainedModel, dict[str, torch.Tensor]]:
    return small_model(request.param)


def adapted(model: PreTrainedModel, *configs: AtlasConfig) -> PeftModel:
    """Adapters named task-0, task-1, … on a model, drawn from a fixed seed, the last one active."""
    names = [f"task-{i}" for i in range(len(configs))]
    peft_model = get_peft_model(model, configs[0], names[0])
    for name, config in zip(names[1:], configs[1:], strict=True):
        peft_model.add_adapter(name, config)
    for i, name in enumerate(names):
        peft_model.reset_adapter(name, torch.Generator().manual_seed(i))
    peft_model.set_adapter(names[-1])
    return peft_model


def chain(count: int, **settings: object) -> list[AtlasConfig]:
    """Configs of `count` adapters, each of which builds on all before it."""
    settings = {"r": 4, "init_scale": 0.3} | settings
    return [AtlasConfig(**settings, experience=[f"task-{j}" for j in range(i)]) for i in range(count)]


def output(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    # HF's ViLT draws the order of the patches, which changes the sums in the last digit
    torch.manual_seed(1)
    with torch.no_grad():
        return model(**inputs).pooler_output
