"""The scope of α: the prompt's tokens alone decide it, in the plain form and in the fused one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from atlas.adapters.compact import compact
from atlas.adapters.config import AtlasConfig
from atlas.adapters.fused import fused
from atlas.adapters.fusion import Rule, plain
from atlas.adapters.layer import AtlasLayer
from atlas.adapters.scope import AlphaScope
from tests.adapters.test_fused import random_stack

PROMPT = torch.tensor([[0, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0]]).bool()


def inputs(seed: int = 0) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    x, h = (torch.randn(3, 5, width, generator=source, dtype=torch.float64).requires_grad_() for width in (10, 12))
    return x, h


@settings(max_examples=20, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["bottleneck", "lora"]), min_size=1, max_size=3),
    weighting=st.sampled_from(["whole", "dimension"]),
    normalisation=st.sampled_from(["none", "softmax"]),
    given_alpha=st.booleans(),
    n=st.integers(2, 9),
    seed=st.integers(0, 99),
)
def test_every_form_equals_the_plain_one(
    kinds: list[str], weighting: str, normalisation: str, given_alpha: bool, n: int, seed: int
) -> None:
    """A large n has the probabilities computed again in the backward pass, a small one keeps them."""
    tokens = 1 if weighting == "whole" else n
    stack, leaves = random_stack(kinds, [3] * len(kinds), tokens, seed=seed, dtype=torch.float64)
    rule = Rule(heads=3, weighting=weighting, normalisation=normalisation)  # type: ignore[arg-type]
    x, h = inputs(seed)
    alpha = torch.rand(3, len(kinds), *([12] if weighting == "dimension" else []), dtype=torch.float64)
    found = []
    for form in (plain, fused, compact):
        out, seen = form(x, h, stack, rule, prompt=PROMPT, alpha=alpha if given_alpha else None)
        gradients = torch.autograd.grad(out.square().sum(), [x, h, *leaves], allow_unused=True)
        found.append([out, seen, *(torch.zeros(()) if v is None else v for v in gradients)])
    for expected, *forms in zip(*found, strict=True):
        for one in forms:
            torch.testing.assert_close(one, expected.to(one.dtype).expand_as(one), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("form", [plain, fused, compact])
@pytest.mark.parametrize(("weighting", "n"), [("whole", 1), ("dimension", 3)])
def test_tokens_outside_the_prompt_do_not_change_it(form: object, weighting: str, n: int) -> None:
    stack, _ = random_stack(["bottleneck", "lora"], [3, 2], n, dtype=torch.float64)
    rule = Rule(heads=3, weighting=weighting)  # type: ignore[arg-type]
    x, h = inputs()
    outside = ~PROMPT[..., None]
    out, alpha = form(x, h, stack, rule, prompt=PROMPT)  # type: ignore[operator]
    other = form(x + 5 * outside, h - 7 * outside, stack, rule, prompt=PROMPT)  # type: ignore[operator]
    assert torch.equal(other[1], alpha)
    assert torch.equal(other[0][PROMPT], out[PROMPT])
    whole = form(x, h, stack, rule)[1]  # type: ignore[operator]
    assert not torch.allclose(whole, alpha)
    short = form(x[:1, 1:4], h[:1, 1:4], stack, rule)[1]  # type: ignore[operator]
    assert torch.allclose(short, alpha[:1])


def layer() -> AtlasLayer:
    torch.manual_seed(0)
    return AtlasLayer(nn.Linear(10, 12), "one", AtlasConfig(r=3, heads=3), "site")


def test_kept_weights_hold_for_the_tokens_that_follow() -> None:
    site, x = layer(), torch.randn(2, 6, 10)
    prompt = torch.tensor([[1, 1, 1, 1, 0, 0]]).bool().expand(2, -1)
    with AlphaScope(prompt).open(site):
        whole = site(x)
    scope = AlphaScope(prompt[:, :4], keeps=True)
    with scope.open(site):
        parts = [site(x[:, :4]), site(x[:, 4:5]), site(x[:, 5:])]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-6)
    assert site.scope is None
    assert list(scope.kept) == ["site/one"]
