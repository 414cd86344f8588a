"""The fused and the compact form give the plain form's numbers and gradients, and do not grow by h an adapter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from atlas.adapters.compact import compact
from atlas.adapters.fused import fused
from atlas.adapters.fusion import Part, Rule, Stack, plain
from atlas.adapters.kinds import KINDS
from atlas.adapters.scope import Fuse


def random_stack(
    kinds: list[str], ranks: list[int], n: int, *, D: int = 12, reads: int = 10, seed: int = 0, dtype: torch.dtype
) -> tuple[Stack, list[Tensor]]:
    """A stack with an adapter for each kind and rank, and all of its leaves."""
    g = torch.Generator().manual_seed(seed)
    leaves: list[Tensor] = []

    def leaf(*shape: int) -> Tensor:
        leaves.append(torch.randn(*shape, generator=g, dtype=dtype).requires_grad_())
        return leaves[-1]

    parts = []
    for name, r in zip(kinds, ranks, strict=True):
        kind = KINDS[name]
        parts.append(
            Part(
                kind=kind,
                down=leaf(r, D if kind.reads == "output" else reads),
                up=leaf(D, r),
                down_bias=leaf(r) if kind.biased else None,
                up_bias=leaf(D) if kind.biased else None,
                scale=kind.scale(r, 3.0),
            )
        )
    return Stack(parts=parts, query=[leaf(n, D) for _ in kinds], key=[leaf(n, D) for _ in kinds]), leaves


@settings(max_examples=60, deadline=None)
@given(
    adapters=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 5)), min_size=1, max_size=4),
    weighting=st.sampled_from(["whole", "dimension"]),
    normalisation=st.sampled_from(["none", "sum", "softmax"]),
    skip=st.sampled_from(["inside", "outside"]),
    fixed=st.booleans(),
    tokens=st.integers(1, 7),
    n=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_equals_the_plain_form(
    adapters: list[tuple[str, int]],
    weighting: str,
    normalisation: str,
    skip: str,
    fixed: bool,
    tokens: int,
    n: int,
    seed: int,
) -> None:
    kinds, ranks = [kind for kind, _ in adapters], [r for _, r in adapters]
    stack, leaves = random_stack(kinds, ranks, 1 if weighting == "whole" else n, seed=seed, dtype=torch.float64)
    g = torch.Generator().manual_seed(seed + 1)
    x = torch.randn(3, tokens, 10, generator=g, dtype=torch.float64).requires_grad_()
    h = torch.randn(3, tokens, 12, generator=g, dtype=torch.float64).requires_grad_()
    weights = tuple(0.5 + i for i in range(len(kinds))) if fixed else None
    rule = Rule(heads=3, weighting=weighting, normalisation=normalisation, skip=skip, fixed=weights)
    found = []
    for form in (plain, fused, compact):
        out, alpha = form(x, h, stack, rule)
        gradients = torch.autograd.grad(out.square().sum() + alpha.square().sum(), [x, h, *leaves], allow_unused=True)
        # zeros where a form does not touch a leaf
        found.append([out, alpha, *(torch.zeros(()) if v is None else v for v in gradients)])
    for expected, *forms in zip(*found, strict=True):
        for seen in forms:
            # a cosine has a kink where what was attended to vanishes, hence the absolute tolerance
            torch.testing.assert_close(seen, expected.to(seen.dtype).expand_as(seen), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("weighting", "n"), [("whole", 1), ("dimension", 3)])
@pytest.mark.parametrize("kinds", [["bottleneck", "bottleneck"], ["lora", "bottleneck"]])
@pytest.mark.parametrize("form", [fused, compact])
def test_works_under_autocast(form: Fuse, weighting: str, n: int, kinds: list[str]) -> None:
    stack, leaves = random_stack(kinds, [4, 4], n, reads=12, dtype=torch.float32)
    h = torch.randn(3, 7, 12, generator=torch.Generator().manual_seed(3)).requires_grad_()
    rule = Rule(heads=3, weighting=weighting)
    exact, _ = fused(h, h, stack, rule)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = h.to(torch.bfloat16)
        out, alpha = form(low, low, stack, rule)
    out.float().square().sum().backward()
    assert alpha.dtype == torch.float32
    assert (out.float() - exact).norm() < 0.05 * exact.norm()
    assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in leaves)


def _kept_bytes(form: object, count: int, weighting: str, *, B: int, L: int, D: int, heads: int, r: int) -> int:
    """Bytes that autograd keeps for the backward pass, besides the leaves."""
    n = 1 if weighting == "whole" else 24
    stack, leaves = random_stack(["bottleneck"] * count, [r] * count, n, D=D, dtype=torch.float32)
    h = torch.randn(B, L, D).requires_grad_()
    own = {leaf.untyped_storage().data_ptr() for leaf in leaves}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out, _ = form(h, h, stack, Rule(heads=heads, weighting=weighting))  # type: ignore[operator]
    assert out.shape == h.shape
    return sum(kept.values())


@pytest.mark.parametrize(("form", "weighting"), [(fused, "whole"), (fused, "dimension"), (compact, "whole")])
@pytest.mark.parametrize(
    "size",
    [
        {"B": 32, "L": 33, "D": 128, "heads": 4, "r": 16},
        {"B": 8, "L": 185, "D": 768, "heads": 12, "r": 48},
    ],
    ids=["tiny", "vilt-b"],
)
def test_memory_grows_by_less_than_h_an_adapter(form: Fuse, weighting: str, size: dict[str, int]) -> None:
    h = 4 * size["B"] * size["L"] * size["D"]
    growth = [_kept_bytes(one, 4, weighting, **size) - _kept_bytes(one, 2, weighting, **size) for one in (form, plain)]
    assert growth[0] / 2 < h
    assert growth[1] / 2 > 2 * h


def test_frozen_adapters_get_no_gradient() -> None:
    for weighting, n in (("whole", 1), ("dimension", 3)):
        stack, leaves = random_stack(["bottleneck"] * 3, [4] * 3, n, dtype=torch.float32)
        for leaf in leaves:
            leaf.requires_grad_(False)
        assert stack.query is not None
        stack.query[1].requires_grad_()
        h = torch.randn(2, 5, 12)
        fused(h, h, stack, Rule(heads=3, weighting=weighting))[0].sum().backward()
        assert stack.query[1].grad is not None
        assert [leaf.grad for leaf in leaves if leaf is not stack.query[1]] == [None] * (len(leaves) - 1)
