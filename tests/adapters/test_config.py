"""Settings that are not allowed are refused with what was seen and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.adapters import AtlasConfig
from atlas.runtime.errors import AtlasError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"r": 0}, "r is 0"),
        ({"r": -3}, "r is -3"),
        ({"r": 2.5}, "r is 2.5"),
        ({"alpha": 0}, "alpha is 0"),
        ({"heads": 0}, "heads is 0"),
        ({"init_scale": 0}, "init_scale is 0"),
        ({"kind": "bottelneck"}, "Did you mean 'bottleneck'"),
        ({"weighting": "dimensions"}, "Did you mean 'dimension'"),
        ({"normalisation": "soft-max"}, "Did you mean 'softmax'"),
        ({"skip": "insides"}, "Did you mean 'inside'"),
        ({"combination": "learnt"}, "Did you mean 'learned'"),
        ({"penalty": -0.1}, "penalty is -0.1"),
        ({"penalty": float("nan")}, "penalty is nan"),
        ({"query_tokens": 2}, "query_tokens is 2"),
        ({"weighting": "dimension", "query_tokens": 1}, "at least 2"),
        ({"combination": "fixed"}, "weights has 0 numbers for a stack of 1"),
        ({"combination": "fixed", "weights": [1.0, 2.0]}, "weights has 2 numbers for a stack of 1"),
        ({"combination": "fixed", "weights": [float("inf")]}, "must be finite"),
        ({"combination": "fixed", "weights": [-1.0], "normalisation": "sum"}, "above 0"),
        ({"weights": [1.0]}, "combination is 'learned'"),
        ({"novel": False}, "does nothing"),
        ({"experience": ["a", "a"]}, "may stand there once"),
        ({"experience": "a"}, r"\['a'\]"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        AtlasConfig(**settings)  # type: ignore[arg-type]


def test_a_setting_that_a_saved_config_does_not_know_is_refused(tmp_path: Path) -> None:
    AtlasConfig().save_pretrained(str(tmp_path))
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"normalization": "sum"}))
    with pytest.raises(AtlasError, match="Did you mean 'normalisation'"):
        AtlasConfig.from_pretrained(str(tmp_path))


def test_settings_survive_saving(tmp_path: Path) -> None:
    config = AtlasConfig(
        r=3, weighting="dimension", experience=["b", "a"], combination="fixed", weights=[1.0, 2.0, 3.0], skip="outside"
    )
    config.save_pretrained(str(tmp_path))
    assert AtlasConfig.from_pretrained(str(tmp_path)) == config


def test_query_tokens_follow_the_weighting() -> None:
    assert AtlasConfig().query_tokens == 1
    assert AtlasConfig(weighting="dimension").query_tokens == 24
