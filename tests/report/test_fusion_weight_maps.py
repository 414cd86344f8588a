from __future__ import annotations

import pytest

from atlas.report.fusion_weight_maps import fusion_weight_maps, site_name, weight_range
from tests.report.conftest import Document, typed


def test_the_weights_are_shown_a_panel_a_task(rich: Document) -> None:
    figure = fusion_weight_maps(typed(rich))
    assert [len(axes.texts) for axes in figure.axes] == [8, 16, 24, 32]
    assert figure.axes[1].texts[1].get_text() == f"{rich['alpha'][1]['mean'][0][1]:.2f}"
    assert "split val · route own · seed 1" in figure.get_suptitle()


def test_weights_that_are_all_alike_are_not_blown_up_into_contrast(rich: Document) -> None:
    def weighted(*weights: float) -> Document:
        alpha = {**rich["alpha"][1], "sites": ["one"], "mean": [list(weights)]}
        return {**rich, "alpha": [alpha]}

    assert weight_range(typed(weighted(0.5, 0.5))) == pytest.approx((0.45, 0.55))
    assert weight_range(typed(weighted(0.2, 0.9))) == (0.2, 0.9)


def test_sites_have_names_that_people_read() -> None:
    assert site_name("encoder.layer.3.attention.output.dense") == "layer 4 attention"
    assert site_name("encoder.layer.0.output.dense") == "layer 1 MLP"
    assert site_name("vision_model.encoder.layers.3.self_attn.out_proj") == "vision layer 4 attention"
    assert site_name("text_model.encoder.layers.0.mlp.fc2") == "text layer 1 MLP"
    assert site_name("pooler") == "pooler"
