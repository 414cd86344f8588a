"""The tower of Qwen2.5-VL over images of one size: the numbers of transformers' own pass, whatever the windows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel

from atlas.backbones.generative.qwen_tower import ImageTower, window_layout
from tests.backbones.generative.checkpoints import QWEN_VISION

MERGED = 4  # patches of a group


@pytest.fixture(scope="module")
def tower() -> Any:
    torch.manual_seed(0)
    config = Qwen2_5_VLConfig(vision_config={**QWEN_VISION, "fullatt_block_indexes": [1]}).vision_config
    return Qwen2_5_VisionTransformerPretrainedModel(config).eval()


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5])
def test_its_features_are_those_of_transformers_pass(tower: Any, side: int) -> None:
    """Grids of one window, of whole ones, and of ones that are cut at one end."""
    patches = torch.randn(3 * MERGED * side**2, 3 * 2 * 4 * 4)
    grid = torch.tensor([[1, 2 * side, 2 * side]]).expand(3, -1)
    with torch.no_grad():
        found = ImageTower(tower, side=side)(tower, patches, 3)
        theirs = tower(patches, grid_thw=grid).pooler_output.view(3, side**2, -1)
    assert (found - theirs).abs().max() < 1e-5


def test_windows_of_one_length_follow_each_other() -> None:
    found = window_layout(3, 2, MERGED)
    assert found.order == [8, 2, 5, 6, 7, 0, 1, 3, 4]
    assert found.runs == ((1, 4), (2, 8), (1, 16))
