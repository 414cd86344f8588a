"""The PEFT model: which adapter is active, what is trainable in each stage, and the penalty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTuner
from torch import Tensor, nn

from atlas.adapters import constants
from atlas.adapters.config import AtlasConfig
from atlas.adapters.layer import EXPANSION, ROLES, AtlasLayer, StackStage, single, unmergeable, unrouted
from atlas.runtime.errors import UserError, unknown

# By model type, both output projections of a block, `attention.output.dense` and `output.dense`: PEFT compares ends.
SITES = {name: ["output.dense"] for name in ("vilt", "bert", "roberta", "electra")}


class AtlasModel(BaseTuner):
    """A frozen model with adapters that build on each other.

    Activating an adapter activates its whole experience. `train_experience` and `train_expansion` set what is
    trainable in the two stages of the method.
    """

    prefix = "atlas_"
    tuner_layer_cls = AtlasLayer
    target_module_mapping = SITES
    peft_config: dict[str, AtlasConfig]  # type: ignore[assignment]

    def inject_adapter(self, model: nn.Module, adapter_name: str, *args: Any, **kwargs: Any) -> None:
        """Adds an adapter, after everything about it has been checked.

        Raises:
            UserError: for a name that PEFT could not save, or experience that is missing or does not fit.
        """
        config = self.peft_config[adapter_name]
        self._prepare_adapter_config(config, self.get_model_config(model))
        self._check_name(model, adapter_name)
        self._check_experience(adapter_name, config)
        stages = [(layer, layer.stage) for layer in self.sites().values()]
        super().inject_adapter(model, adapter_name, *args, **kwargs)
        # PEFT sets the active adapter again, which must not end the stage that it is in
        for layer, stage in stages:
            layer.stage = stage

    def _prepare_adapter_config(self, peft_config: Any, model_config: dict[str, Any]) -> AtlasConfig:
        """Fills in the heads and sites that the model decides.

        Raises:
            UserError: if it does not.
        """
        if peft_config.heads is None and peft_config.learned:
            peft_config.heads = model_config.get("num_attention_heads")
            if peft_config.heads is None:
                raise UserError("heads is not given and the model's configuration names none: set heads.")
        if peft_config.target_modules is None:
            kind = model_config.get("model_type")
            if kind not in SITES:
                raise UserError(
                    f"target_modules is not given and there is no default for models of type {kind!r} "
                    f"(there is for {', '.join(SITES)}): name the nn.Linear modules to adapt."
                )
            peft_config.target_modules = list(SITES[kind])
        return peft_config

    def _check_name(self, model: nn.Module, name: str) -> None:
        """PEFT tells adapters apart by a part of the parameter's name, so that part must not occur otherwise."""
        used = {part for key, _ in model.named_modules() if ".atlas_" not in key for part in key.split(".")}
        if not name or "." in name or name in used or hasattr(nn.ParameterDict(), name):
            raise UserError(
                f"{name!r} cannot name an adapter: it must not be empty, contain a dot, or be the name of a module or "
                "attribute, or saving would mix adapters up. Try a prefix, such as 'task-"
                + name.replace(".", "-")
                + "'."
            )

    def _check_experience(self, name: str, config: AtlasConfig) -> None:
        loaded = [other for other in self.peft_config if other != name]
        for other in config.experience:
            if other not in loaded:
                raise UserError(
                    f"adapter {name!r} builds on {other!r}, which is not loaded "
                    f"(loaded: {', '.join(loaded) or 'none'}). Load adapters in the order in which they were trained; "
                    "if they have other names here, pass load_adapter(model, folder, name, experience=[their names])."
                )
            self._check_fit(name, config, other, self.peft_config[other])

    @staticmethod
    def _check_fit(name: str, config: AtlasConfig, other: str, past: AtlasConfig) -> None:
        if not past.novel:
            raise UserError(f"adapter {name!r} cannot build on {other!r}, which has no Φ of its own (novel=False).")
        same = ["target_modules", "exclude_modules"]
        if config.learned:
            same += ["combination", "weighting", "query_tokens"]
        for what in same:
            if getattr(config, what) != getattr(past, what):
                raise UserError(
                    f"adapter {name!r} has {what}={getattr(config, what)!r}, but {other!r}, on which it builds, has "
                    f"{getattr(past, what)!r}: they must be equal, or keys and queries do not meet."
                )

    def _create_and_replace(
        self,
        peft_config: Any,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        parameter_name: str | None = None,
    ) -> None:
        if isinstance(target, AtlasLayer):
            target.update_layer(adapter_name, peft_config)
            return
        if not isinstance(target, nn.Linear):
            raise UserError(
                f"{current_key!r} is a {type(target).__name__}; an adapter acts on nn.Linear only. "
                "Narrow target_modules."
            )
        self._replace_module(parent, target_name, AtlasLayer(target, adapter_name, peft_config, current_key), target)

    def sites(self) -> dict[str, AtlasLayer]:
        """Name → site, in the model's order."""
        return {name: module for name, module in self.model.named_modules() if isinstance(module, AtlasLayer)}

    def config_of(self, name: str) -> AtlasConfig:
        """The settings of an adapter.

        Raises:
            UserError: if it is not loaded.
        """
        if name not in self.peft_config:
            raise unknown("adapter", name, self.peft_config)
        return self.peft_config[name]

    def set_adapter(self, adapter_name: str | list[str], inference_mode: bool = False) -> None:
        """Activates one adapter with its whole experience; its own parameters become trainable, all others frozen.

        Raises:
            UserError: for several names, or one that is not loaded.
        """
        names = single(adapter_name)
        for name in names:
            self.config_of(name)
        super().set_adapter(names[0] if names else [], inference_mode=inference_mode)

    def activate(self, name: str) -> None:
        """Activates an adapter with its whole experience, for use: nothing is trainable."""
        self.set_adapter(name, inference_mode=True)

    def train_experience(self, name: str) -> None:
        """Stage 1: the stack is the experience alone, and only the queries over it are trainable.

        Raises:
            UserError: if the adapter has no experience.
        """
        if not self.config_of(name).experience:
            raise UserError(f"adapter {name!r} has no experience to learn from: go on with train_expansion.")
        self._train(name, "experience", ("atlas_query_past",))

    def train_expansion(self, name: str) -> None:
        """Stage 2: the stack is experience and the adapter itself; its Φ, key and own query are trainable.

        Raises:
            UserError: if the adapter has no Φ of its own.
        """
        if not self.config_of(name).novel:
            raise UserError(f"adapter {name!r} has no Φ of its own (novel=False): there is nothing to expand.")
        self._train(name, "expansion", EXPANSION)

    def _train(self, name: str, stage: StackStage, roles: tuple[str, ...]) -> None:
        self.activate(name)
        for layer in self.sites().values():
            layer.stage = stage
            for role, parameter in layer.parameters_of(name).items():
                parameter.requires_grad_(role in roles)

    def reset_adapter(self, name: str, generator: torch.Generator) -> None:
        """Draws all parameters of an adapter anew from a CPU generator, role by role and site by site.

        The queries over the past come first, so that they depend on neither rank nor kind.

        Raises:
            UserError: if it is not loaded.
        """
        self.config_of(name)
        for role in ROLES:
            for layer in self.sites().values():
                if name in layer.settings:
                    layer.draw(name, role, generator)

    def penalty(self, name: str, stage: StackStage) -> Tensor:
        """λ Σ_sites [R(Q) + R(K)], a scalar in float32, with R(X) = mean((X Xᵀ − I)²) / (n · d).

        X are the n stacked, flattened queries or keys and d is their length; R(K) counts in stage `expansion` only,
        where the adapter's own query is among the queries as well.
        """
        config = self.config_of(name)
        layers = list(self.sites().values())
        total = torch.zeros((), device=layers[0].base_layer.weight.device)
        if not config.learned or not config.penalty:
            return total
        novel = config.novel and stage == "expansion"
        for width in sorted({layer.out_features for layer in layers}):
            group = [layer for layer in layers if layer.out_features == width and name in layer.settings]
            past = [layer.atlas_query_past[name] for layer in group if config.experience]
            own = [layer.atlas_query_own[name] for layer in group if novel]
            total = total + _orthogonality(torch.cat([torch.stack(rows) for rows in (past, own) if rows], 1))
            if novel:
                names = [*config.experience, name]
                keys = [torch.stack([layer.atlas_key[one] for layer in group]) for one in names]
                total = total + _orthogonality(torch.stack(keys, 1))
        return config.penalty * total

    @contextmanager
    def keep_combination_weights(self) -> Iterator[None]:
        """While it lasts, every site keeps the α of its last forward pass, for `combination_weights`."""
        layers = self.sites().values()
        for layer in layers:
            layer.keep_alpha = True
        try:
            yield
        finally:
            for layer in layers:
                layer.keep_alpha, layer.alpha = False, None

    def combination_weights(self) -> dict[str, Tensor]:
        """Site → the α of the last forward pass, [B, t] or [B, t, D], detached.

        Raises:
            UserError: outside `keep_combination_weights`, or before a forward pass.
        """
        found = {name: layer.alpha for name, layer in self.sites().items() if layer.alpha is not None}
        if not found:
            raise UserError(
                "no α was kept: run the model within `with model.keep_combination_weights():` and ask there."
            )
        return found

    def delete_adapter(self, adapter_name: str) -> None:
        """Removes an adapter.

        Raises:
            UserError: if others build on it, or it is not loaded.
        """
        self.config_of(adapter_name)
        builders = [name for name, config in self.peft_config.items() if adapter_name in config.experience]
        if builders:
            raise UserError(
                f"adapter {adapter_name!r} cannot be deleted: {', '.join(builders)} build on it. Delete those first."
            )
        super().delete_adapter(adapter_name)

    def _check_merge_allowed(self) -> None:
        raise unmergeable()

    @contextmanager
    def _enable_peft_forward_hooks(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """PEFT drops `adapter_names` before the model sees it, so this is where it must be refused."""
        if kwargs.get("adapter_names") is not None:
            raise unrouted()
        yield


def _orthogonality(rows: Tensor) -> Tensor:
    """Σ over the sites of R(X), for X [sites, n, …]."""
    rows = rows.flatten(2).float()
    n, d = rows.shape[1:]
    gram = rows @ rows.transpose(1, 2) - constants.identity(n, rows.device, rows.dtype)
    return gram.square().mean((1, 2)).sum() / (n * d)
