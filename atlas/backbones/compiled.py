"""A backbone's layers with their adapters as PyTorch's compiler makes them: on a GPU a third of the kernels.

What is compiled is a layer of transformers as it stands, the adapters at its sites in their `compact` form, and a site
outside all layers by itself. One compilation serves all layers of a kind. Another number of adapters, rank or form of a
batch is compiled anew, once a process; what was compiled before lies in the compiler's own cache on disk. Convolutions
over patches are computed as products. Results are the same up to rounding.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from atlas.adapters.compact import compact
from atlas.adapters.layer import AtlasLayer
from atlas.backbones.patches import as_product, over_patches

FORMS = 1024  # compiled at most in a process: each number of adapters, rank and form of a batch is one
# of PyTorch's own compiler: random numbers are drawn as without it, and small kernels side by side become one
OPTIONS: dict[str, Any] = {"fallback_random": True, "combo_kernels": True}
AT_ONCE = ("force_non_lazy_backward_lowering",)  # of PyTorch's releases that have it
Backend = str | Callable[..., Any]  # a compiler of PyTorch's, by its name, or a function that compiles
Forward = Callable[..., Any]
_log = logging.getLogger(__name__)


class CompiledLayers:
    """The layers of a model, which compute by their compiled form while `open`.

    Where the compiler fails, which is told once a stage, they compute on as they are.
    """

    def __init__(self, model: nn.Module, backend: Backend = "inductor") -> None:
        self.layers = list(outermost(model, GradientCheckpointingLayer, AtlasLayer))
        self.sites = [module for module in model.modules() if isinstance(module, AtlasLayer)]
        self.patches = [one for one in outermost(model, nn.Conv2d) if over_patches(one)]
        self._backend: Backend | None = backend

    @contextmanager
    def open(self) -> Iterator[None]:
        """The context in which the compiled form is used."""
        if self._backend is None:
            yield
            return
        for layer in self.layers:
            vars(layer)["forward"] = partial(self._forward, layer)
        for patch in self.patches:
            vars(patch)["forward"] = partial(as_product, patch)
        for site in self.sites:
            vars(site)["fuse"] = compact
        try:
            yield
        finally:
            self._close()

    def _close(self) -> None:
        for module in (*self.layers, *self.patches):
            vars(module).pop("forward", None)
        for site in self.sites:
            vars(site).pop("fuse", None)

    def _forward(self, layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
        forward = type(layer).forward
        if self._backend is not None:
            try:
                with _as_configured():
                    return compiled(forward, self._backend)(layer, *args, **kwargs)
            except torch._dynamo.exc.TorchDynamoException as error:
                _log.warning("layers are not compiled, but computed kernel by kernel: %s", error)
                self._backend = None
                self._close()
        return forward(layer, *args, **kwargs)


def outermost(module: nn.Module, *kinds: type[nn.Module]) -> Iterator[nn.Module]:
    """The modules of these kinds in a module that lie in no other of them; none whose `forward` another replaced."""
    if isinstance(module, kinds) and "forward" not in vars(module):
        yield module
        return
    for child in module.children():
        yield from outermost(child, *kinds)


@cache
def compiled(forward: Forward, backend: Backend) -> Forward:
    """The `forward` of a class of layers, compiled by that backend for every form of its arguments as it comes."""
    options = OPTIONS if backend == "inductor" else None
    made: Forward = torch.compile(forward, dynamic=False, backend=backend, options=options)
    return made


@contextmanager
def _as_configured() -> Iterator[None]:
    """Context in which a layer's backward pass is compiled with it, for as many forms as there are.

    The compiler's notes on itself are left out.
    """
    with (
        warnings.catch_warnings(),
        torch._dynamo.config.patch(recompile_limit=FORMS, accumulated_recompile_limit=FORMS),
        torch._functorch.config.patch({name: True for name in AT_ONCE if hasattr(torch._functorch.config, name)}),
    ):
        warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.")
        yield
