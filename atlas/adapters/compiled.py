"""`fused` as PyTorch's compiler makes it: on a GPU a third of the kernels, which read and write less.

Another number of adapters, rank or form of a batch is compiled anew, once a process; what was compiled before lies in
the compiler's own cache on disk. Results are those of `fused` up to rounding.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from atlas.adapters.fused import fused
from atlas.adapters.fusion import Rule, Stack
from atlas.adapters.layer import AtlasLayer
from atlas.adapters.scope import Fused

FORMS = 1024  # compiled at most in a process: each number of adapters, rank and form of a batch is one
Backend = str | Callable[..., Any]  # a compiler of PyTorch's, by its name, or a function that compiles
_log = logging.getLogger(__name__)


class CompiledSites:
    """The sites of a model, whose stacks are fused by the compiled form while `open`.

    Where the compiler fails, which is told once a stage, `fused` itself computes on.
    """

    def __init__(self, model: nn.Module, backend: Backend = "inductor") -> None:
        self.sites = [module for module in model.modules() if isinstance(module, AtlasLayer)]
        self._compiled: Callable[..., Fused] | None = compiled(backend)

    @contextmanager
    def open(self) -> Iterator[None]:
        """The context in which the compiled form is used."""
        for site in self.sites:
            site.fuse = self._fuse
        try:
            yield
        finally:
            for site in self.sites:
                del site.fuse

    def _fuse(
        self,
        x: Tensor,
        h: Tensor,
        stack: Stack,
        rule: Rule,
        *,
        prompt: Tensor | None = None,
        alpha: Tensor | None = None,
    ) -> Fused:
        if self._compiled is not None:
            try:
                with _as_configured():
                    return self._compiled(x, h, stack, rule, prompt=prompt, alpha=alpha)
            except torch._dynamo.exc.TorchDynamoException as error:
                self._compiled = None
                _log.warning("adapters are not compiled, but computed kernel by kernel: %s", error)
        return fused(x, h, stack, rule, prompt=prompt, alpha=alpha)


@cache
def compiled(backend: Backend) -> Callable[..., Fused]:
    """`fused`, compiled by that backend for every form of its arguments as it comes."""
    made: Callable[..., Fused] = torch.compile(fused, fullgraph=True, dynamic=False, backend=backend)
    return made


@contextmanager
def _as_configured() -> Iterator[None]:
    """Context in which as many forms are compiled as there are, and the compiler's notes on itself are left out."""
    with (
        warnings.catch_warnings(),
        torch._dynamo.config.patch(recompile_limit=FORMS, accumulated_recompile_limit=FORMS),
    ):
        warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.")
        yield
