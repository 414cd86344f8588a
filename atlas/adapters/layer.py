"""One site: an nn.Linear with the adapters that act on its output."""

from __future__ import annotations

from typing import Any, Literal

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from atlas.adapters.config import AtlasConfig
from atlas.adapters.fused import fused
from atlas.adapters.fusion import Part, Rule, Stack
from atlas.adapters.kinds import KINDS
from atlas.adapters.scope import Fuse, ScopedSite
from atlas.runtime.errors import UserError

StackStage = Literal["experience", "expansion"]

# One flat dict a role, adapter name → parameter: PEFT finds an adapter under a new name only if the name comes last.
EXPANSION = ("atlas_down", "atlas_down_bias", "atlas_up", "atlas_up_bias", "atlas_key", "atlas_query_own")
ROLES = ("atlas_query_past", *EXPANSION)


class AtlasLayer(nn.Module, BaseTunerLayer, ScopedSite):
    """A site, output h = base_layer(x) [*, L, D], and out = Σ_i α_i Φ_i(h) over the active stack.

    `atlas_down[name]` [r, in], `atlas_up[name]` [D, r] and their biases are an adapter's Φ, `atlas_key[name]` [n, D]
    its key; `atlas_query_past[name]` [t−1, n, D] are its queries over its experience, `atlas_query_own[name]` [1, n, D]
    the one over itself. Those that an adapter has no use for are absent.
    """

    atlas_down: nn.ParameterDict
    atlas_down_bias: nn.ParameterDict
    atlas_up: nn.ParameterDict
    atlas_up_bias: nn.ParameterDict
    atlas_key: nn.ParameterDict
    atlas_query_past: nn.ParameterDict
    atlas_query_own: nn.ParameterDict
    base_layer: nn.Linear

    # how the stack is fused: `fusion.plain` may take its place, to compare, or the compiled form
    fuse: Fuse = staticmethod(fused)

    adapter_layer_names = ROLES
    other_param_names = ("settings", "heads")

    def __init__(self, base_layer: nn.Linear, adapter_name: str, config: AtlasConfig, site: str = "") -> None:
        super().__init__()
        self.site = site  # its name in the model
        self.base_layer = base_layer
        self.in_features, self.out_features = base_layer.in_features, base_layer.out_features
        for role in ROLES:
            setattr(self, role, nn.ParameterDict())
        self.settings: dict[str, AtlasConfig] = {}
        self.heads: dict[str, int | None] = {}
        self.merged_adapters: list[str] = []
        self.stage: StackStage = "expansion"
        self.keep_alpha = False
        self.alpha: Tensor | None = None
        self.update_layer(adapter_name, config)
        self.set_adapter(adapter_name, inference_mode=config.inference_mode)

    def update_layer(self, name: str, config: AtlasConfig) -> None:
        """Adds the parameters of one more adapter, drawn from PyTorch's own generator.

        Raises:
            UserError: if the heads do not divide the width of this site.
        """
        heads = config.heads_at(self.site)
        if config.learned and (heads is None or self.out_features % heads):
            where = f" of {self.site}" if isinstance(config.heads, dict) else ""
            raise UserError(f"heads{where} is {heads}; it must divide the width {self.out_features} of every site.")
        self.settings[name], self.heads[name] = config, heads
        for role, shape in self._shapes(config).items():
            getattr(self, role)[name] = nn.Parameter(torch.empty(shape))
        for role in ROLES:
            self.draw(name, role, None)
        self._move_adapter_to_device_of_base_layer(name)

    def _shapes(self, config: AtlasConfig) -> dict[str, tuple[int, ...]]:
        D, kind = self.out_features, KINDS[config.kind]
        shapes: dict[str, tuple[int, ...]] = {}
        if config.novel:
            reads = D if kind.reads == "output" else self.in_features
            shapes |= {"atlas_down": (config.r, reads), "atlas_up": (D, config.r)}
            if kind.biased:
                shapes |= {"atlas_down_bias": (config.r,), "atlas_up_bias": (D,)}
        assert config.query_tokens is not None
        token = (config.query_tokens, D)
        if config.learned and config.novel:
            shapes |= {"atlas_key": token, "atlas_query_own": (1, *token)}
        if config.learned and config.experience:
            shapes["atlas_query_past"] = (len(config.experience), *token)
        return shapes

    @torch.no_grad()
    def draw(self, name: str, role: str, generator: torch.Generator | None) -> None:
        """Draws one role of an adapter anew, on the CPU so that every device gets the same numbers.

        Queries and keys are N(0, 1), biases 0, weights as the kind says (both with the role `atlas_down`).
        """
        values: nn.ParameterDict = getattr(self, role)
        if name not in values or role == "atlas_up":
            return
        config, target = self.settings[name], values[name]
        if role == "atlas_down":
            up = self.atlas_up[name]
            fresh = torch.empty(target.shape), torch.empty(up.shape)
            KINDS[config.kind].draw(*fresh, config.init_scale, generator)
            target.copy_(fresh[0])
            up.copy_(fresh[1])
        elif role.endswith("bias"):
            target.zero_()
        else:
            target.copy_(torch.empty(target.shape).normal_(generator=generator))

    def parameters_of(self, name: str) -> dict[str, nn.Parameter]:
        """Role → parameter of one adapter at this site."""
        return {role: getattr(self, role)[name] for role in ROLES if name in getattr(self, role)}

    def set_adapter(self, adapter_names: str | list[str], inference_mode: bool = False) -> None:
        """Activates one adapter with its experience; as in PEFT its own parameters become trainable.

        Raises:
            UserError: for more than one name.
        """
        super().set_adapter(single(adapter_names), inference_mode=inference_mode)
        self.stage = "expansion"

    def enable_adapters(self, enabled: bool) -> None:
        """Turns the adapters on or off. What is trainable stays as the stage left it, unlike in PEFT's own methods."""
        self._disable_adapters = not enabled

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Refused.

        Raises:
            UserError: always.
        """
        raise unmergeable()

    def unmerge(self) -> None:
        """Refused, as merge is.

        Raises:
            UserError: always.
        """
        raise unmergeable()

    def stack(self, name: str) -> tuple[Stack, Rule]:
        """The active stack of adapter `name` at this site and the rule of its fusion."""
        config = self.settings[name]
        novel = config.novel and self.stage == "expansion"
        names = [*config.experience, name] if novel else config.experience
        parts = [self._part(one) for one in names]
        query = key = fixed = None
        if config.learned:
            query = list(self.atlas_query_past[name]) if config.experience else []
            query += [self.atlas_query_own[name][0]] if novel else []
            key = [self.atlas_key[one] for one in names]
        elif config.combination == "uniform":
            fixed = (1 / len(names),) * len(names)
        else:
            fixed = tuple(config.weights or ())[: len(names)]
        rule = Rule(
            heads=self.heads[name] or 1,
            weighting=config.weighting,  # type: ignore[arg-type]
            normalisation=config.normalisation,  # type: ignore[arg-type]
            skip=config.skip,  # type: ignore[arg-type]
            fixed=fixed,
        )
        return Stack(parts=parts, query=query, key=key), rule

    def _part(self, name: str) -> Part:
        config = self.settings[name]
        kind, biased = KINDS[config.kind], name in self.atlas_down_bias
        return Part(
            kind=kind,
            down=self.atlas_down[name],
            up=self.atlas_up[name],
            down_bias=self.atlas_down_bias[name] if biased else None,
            up_bias=self.atlas_up_bias[name] if biased else None,
            scale=kind.scale(config.r, config.alpha),
        )

    def combine(self, name: str, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """The fusion of the stack of adapter `name`: x [B, L, in], h [B, L, D] → out [B, L, D] and its α."""
        stack, rule = self.stack(name)
        if self.scope is None:
            return self.fuse(x, h, stack, rule)
        if not self.scope.keeps:  # nothing of this site's own name, so that one compiled layer serves all
            return self.fuse(x, h, stack, rule, prompt=self.scope.prompt)
        return self.scope.fuse(self.fuse, f"{self.site}/{name}", x, h, stack, rule)

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The site's output [*, L, D] for x [*, L, in].

        Rows of a 2-dimensional x are samples of one token.

        Raises:
            UserError: for `adapter_names`, which this method does not route.
        """
        if kwargs.pop("adapter_names", None) is not None:
            raise unrouted()
        h = self.base_layer(x, *args, **kwargs)
        active = [name for name in self.active_adapters if name in self.settings]
        if self.disable_adapters or not active:
            return h
        samples, dtype = h.shape[0], h.dtype
        if not torch.is_autocast_enabled(h.device.type):
            # PEFT keeps adapters in float32 on half-precision models
            dtype = self.atlas_up[[*self.settings[active[0]].experience, active[0]][0]].dtype
        inputs, outputs = (v.reshape(samples, -1, v.shape[-1]).to(dtype).contiguous() for v in (x, h))
        out, alpha = self.combine(active[0], inputs, outputs)
        self.alpha = alpha.detach() if self.keep_alpha else None
        return out.view(h.shape).to(h.dtype)

    def __repr__(self) -> str:
        return "atlas." + super().__repr__()


def single(adapter_names: str | list[str]) -> list[str]:
    """The one name to activate, as a list (empty for none).

    Raises:
        UserError: for more than one.
    """
    names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
    if len(names) > 1:
        raise UserError(
            f"cannot activate {names} at once: a stack is activated by its newest adapter, which brings its experience."
        )
    return names


def unmergeable() -> UserError:
    """Why nothing can be merged."""
    return UserError(
        "ATLAS adapters cannot be merged into the base weights: α depends on the sample and Φ is not linear in h. "
        "Keep the adapters; `unload()` gives the bare model back."
    )


def unrouted() -> UserError:
    """Why one batch cannot use several adapters."""
    return UserError(
        "adapter_names is not supported: one batch runs through one stack. Group the samples by adapter and call "
        "set_adapter(name) before each group."
    )
