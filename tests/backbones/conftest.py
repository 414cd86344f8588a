"""A small ViLT with random weights, as `save_pretrained` writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import ViltConfig, ViltModel

from atlas.backbones.pretraining.tokens import build_tokenizer, vocabulary


def small_config() -> ViltConfig:
    return ViltConfig(
        vocab_size=len(vocabulary()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=24,
        image_size=64,
        patch_size=16,
        initializer_range=0.3,
    )


def write_processing(folder: Path) -> None:
    build_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(
        '{"size": {"shortest_edge": 64}, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.5, 0.4, 0.3]}'
    )


@pytest.fixture(scope="session")
def vilt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViltModel's checkpoint whose position embeddings are not zero."""
    torch.manual_seed(0)
    model = ViltModel(small_config())
    with torch.no_grad():
        model.embeddings.position_embeddings.normal_()
        model.embeddings.cls_token.normal_()
    folder = tmp_path_factory.mktemp("vilt")
    model.save_pretrained(folder)
    write_processing(folder)
    return folder
