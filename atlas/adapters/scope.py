"""The scope of α on a causal encoder or decoder: the tokens it is computed from, and whether it is kept for later ones.

On a causal decoder, α over all tokens of a site would let an answer change its own prompt, count padding, and differ
between cached and uncached decoding; on a causal text tower it would count padding. A backbone opens a scope around
either; without one, α is over all tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from atlas.adapters.fusion import Rule, Stack

Fused = tuple[Tensor, Tensor]
Fuse = Callable[..., Fused]


class AlphaScope:
    """Where α comes from while a module runs.

    prompt: bool [B, L], the tokens that α is computed from; None for all. keeps: α of every site is kept, and used
    for all later tokens of the batch.
    """

    def __init__(self, prompt: Tensor | None = None, *, keeps: bool = False) -> None:
        self.prompt, self.keeps = prompt, keeps
        self.kept: dict[str, Tensor] = {}

    @contextmanager
    def open(self, module: nn.Module) -> Iterator[None]:
        """The scope of all sites in a module, while it lasts; it stands at the sites, so that compilers can follow."""
        sites = [one for one in module.modules() if isinstance(one, ScopedSite)]
        before = [site.scope for site in sites]
        for site in sites:
            site.scope = self
        try:
            yield
        finally:
            for site, scope in zip(sites, before, strict=True):
                site.scope = scope

    def fuse(self, fuse: Fuse, name: str, x: Tensor, h: Tensor, stack: Stack, rule: Rule) -> Fused:
        """As `fuse`, with the α that is kept; name: that of a site and the adapter that is active there."""
        found = fuse(x, h, stack, rule, prompt=self.prompt, alpha=self.kept.get(name))
        self.kept[name] = found[1]
        return found


class ScopedSite:
    """A site that may have a scope."""

    scope: AlphaScope | None = None
