"""What a checkpoint's config.json leaves out is what transformers' classes have; sizes of images and prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig, Qwen2_5_VLConfig

from atlas.backbones.families import read_config
from atlas.backbones.generative.config import QWEN_SIDE, TEXT, TEXT_TOKENS, VISION, completed, used_layers


def test_the_numbers_left_out_are_transformers_own() -> None:
    whole = {"qwen2_5_vl_text": Qwen2_5_VLConfig().text_config, "qwen2_5_vl_vision": Qwen2_5_VLConfig().vision_config}
    for kind, numbers in {**TEXT, **VISION}.items():
        config = whole.get(kind) or AutoConfig.for_model(kind)
        assert {name: getattr(config, name) for name in numbers} == numbers, kind


def test_a_published_llava_has_all_its_numbers() -> None:
    """llava-hf/llava-1.5-7b-hf."""
    vision = {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model"}
    vision |= {"num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14}
    text = {"max_position_embeddings": 4096, "model_type": "llama", "vocab_size": 32064}
    config = {"model_type": "llava", "image_token_index": 32000, "text_config": text, "vision_config": vision}
    found = completed(config, {})
    assert (found["image_size"], found["image_tokens"], found["image_token_id"]) == (336, 576, 32000)
    assert (found["text_tokens"], found["max_position_embeddings"]) == (TEXT_TOKENS, 4096 - 576)
    assert found["vision_config"]["num_hidden_layers"] == 23
    assert found["text_config"]["hidden_size"] == 4096


@pytest.mark.parametrize(
    ("preprocessor", "side"),
    [({}, QWEN_SIDE), ({"max_pixels": 12845056}, QWEN_SIDE), ({"size": {"longest_edge": 100_000}}, 308)],
)
def test_qwens_images_are_squares_within_a_budget(preprocessor: dict, side: int) -> None:
    """Older files have the decoder's numbers at their top."""
    found = completed({"model_type": "qwen2_5_vl", "hidden_size": 2048, "vision_config": {}}, preprocessor)
    assert found["image_size"] == side
    assert found["image_tokens"] == (side // 28) ** 2
    assert found["text_config"]["hidden_size"] == 2048


def test_the_budget_may_stand_within_the_settings_of_the_whole_processor(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl", "vision_config": {}}))
    settings = {"image_processor": {"size": {"longest_edge": 100_000, "shortest_edge": 3136}}}
    (tmp_path / "processor_config.json").write_text(json.dumps(settings))
    assert read_config(tmp_path)["image_size"] == 308


def test_states_are_counted_from_either_end() -> None:
    assert used_layers(24, -2) == [23]
    assert used_layers(24, [0, 12, -1]) == [0, 12, 24]
