"""The plain form, against a few sums by hand and against PyTorch's own attention."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from atlas.adapters.fusion import Part, Rule, Stack, attend, normalise, plain, similarity
from atlas.adapters.kinds import BOTTLENECK


def _part(D: int = 4, r: int = 2) -> Part:
    return Part(
        kind=BOTTLENECK,
        down=torch.randn(r, D),
        up=torch.randn(D, r),
        down_bias=torch.randn(r),
        up_bias=torch.randn(D),
    )


def _phi(part: Part, h: torch.Tensor) -> torch.Tensor:
    return h + F.silu(h @ part.down.T + part.down_bias) @ part.up.T + part.up_bias


def test_scores_are_scaled_by_the_full_width() -> None:
    query, kv = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    split = [v.view(2, -1, 4, 2).transpose(1, 2) for v in (query, kv)]
    expected = F.scaled_dot_product_attention(split[0], split[1], split[1], scale=8**-0.5)
    torch.testing.assert_close(attend(query, kv, 4), expected.transpose(1, 2).reshape(2, 3, 8))


def test_weights_lie_between_0_for_opposite_and_1_for_equal_directions() -> None:
    key = torch.randn(1, 6)
    assert similarity(3 * key, key, "whole") == pytest.approx(1)
    assert similarity(-key, key, "whole") == pytest.approx(0, abs=1e-6)


def test_dimension_weights_compare_along_the_tokens() -> None:
    attended, key = torch.randn(2, 5, 4), torch.randn(5, 4)
    alpha = similarity(attended, key, "dimension")
    expected = (F.cosine_similarity(attended[1, :, 2], key[:, 2], dim=0) + 1) / 2
    assert alpha.shape == (2, 4)
    torch.testing.assert_close(alpha[1, 2], expected)


def test_normalisations() -> None:
    alpha = torch.tensor([[1.0, 3.0]])
    torch.testing.assert_close(normalise(alpha, "sum"), torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(normalise(alpha, "softmax"), alpha.softmax(1))
    assert normalise(alpha, "none") is alpha


@pytest.mark.parametrize("skip", ["inside", "outside"])
def test_a_fixed_combination_is_the_weighted_sum(skip: str) -> None:
    h, parts = torch.randn(3, 5, 4), [_part(), _part()]
    rule = Rule(heads=2, skip=skip, fixed=(0.5, 2.0))
    out, alpha = plain(h, h, Stack(parts=parts), rule)
    outside = skip == "outside"
    expected = sum(w * (_phi(part, h) - h * outside) for w, part in zip((0.5, 2.0), parts, strict=True)) + h * outside
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(alpha, torch.tensor([[0.5, 2.0]]).expand(3, 2))


def test_a_learned_combination_follows_the_method() -> None:
    h, parts = torch.randn(3, 5, 4), [_part(), _part()]
    queries, keys = list(torch.randn(2, 1, 4)), list(torch.randn(2, 1, 4))
    out, alpha = plain(h, h, Stack(parts=parts, query=queries, key=keys), Rule(heads=2))
    total = torch.zeros_like(h)
    for i, part in enumerate(parts):
        phi = _phi(part, h)
        query = queries[i].expand(3, 1, 4)
        attended = attend(query, torch.cat([query, phi], 1), 2)[:, 0]
        weight = (F.cosine_similarity(attended, keys[i], dim=1) + 1) / 2
        torch.testing.assert_close(alpha[:, i], weight)
        total += weight[:, None, None] * phi
    torch.testing.assert_close(out, total)
