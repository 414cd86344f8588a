"""The continual model M_t (METHOD, 1): backbone, adapters, compositions and heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel
from torch import Tensor, nn

from atlas.adapters import AtlasConfig, AtlasModel, load_adapter, with_adapter
from atlas.backbones.backbone import Backbone
from atlas.data.loader import Batch
from atlas.learners import site_combination
from atlas.learners.backbone_tuning import BackboneTuning
from atlas.learners.combinations import load_combination
from atlas.learners.composition import Composition
from atlas.learners.contrast import Features
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts import HEAD, find_readout
from atlas.learners.readouts.files import load_readout, save_readout
from atlas.learners.readouts.readout import AnswerForm, Readout, beside
from atlas.learners.schedule import Precision
from atlas.learners.scores import SCORES
from atlas.runtime.errors import UserError


class ContinualModel(nn.Module):
    """A backbone with adapters and heads on it: a readout a task, of the kind `new_readout`, for its form of answers.

    New adapters are put into `towers`, or into all. `told`: a record's task decides its adapters, even where a learner
    chooses them by what the record is like. The backbone is frozen unless it is tuned; `detach` restores it.
    """

    def __init__(self, backbone: Backbone, forms: Mapping[str, AnswerForm]) -> None:
        super().__init__()
        self.backbone, self.forms = backbone, forms
        self.new_readout, self.towers, self.told = HEAD, tuple[str, ...](), False
        self.heads, self.compositions = nn.ModuleDict(), nn.ModuleDict()
        self.tuning = BackboneTuning(backbone)
        self.order: list[str] = []
        self._peft: list[PeftModel] = []  # in a list, so that its parameters are registered once, in backbone

    def forward(self, batch: Batch, task: str) -> Tensor:
        """Logits for `task` by the adapters that are active: [B, classes], or [B, choices]."""
        return self.logits(self.pool(batch, task), task)

    def pool(self, batch: Batch, task: str) -> Tensor:
        """The backbone's outputs for what `task` asks of a batch, by the active adapters: [B, C, I * D]."""
        return self.readout(task).read(self.backbone, self.given(batch, task))

    def loss(self, batch: Batch, task: str, scoring: str, group: ProcessGroup | None = None) -> tuple[Tensor, Tensor]:
        """The loss of `task` for a batch, a scalar averaged over its records, and the backbone's outputs for it.

        scoring: the name of the task's score, among SCORES where it is one of classes. group: the processes whose
        batches are one, where records are compared with each other; None for this one's alone.
        """
        return self.readout(task).loss(self.backbone, self.given(batch, task), SCORES.get(scoring), group)

    def given(self, batch: Batch, task: str) -> Batch:
        """The batch as the backbone takes it, which is made ready for it."""
        self.backbone.frozen.suit(batch.pixels.device)
        for name in self.compositions:
            self.composition(name).answer(task)
        blank = self.backbone.takes_no_image and self.forms[task].modality == "language"
        return replace(batch, pixels=batch.pixels[:, :0]) if blank else batch

    def write(self, batch: Batch, task: str) -> list[str]:
        """The answers for `task` as texts, one a record, by a readout that `writes` and the active adapters."""
        return self.readout(task).write(self.backbone, self.given(batch, task))

    def embed(self, batch: Batch, task: str) -> Features:
        """The features of a batch's images and captions for `task`, by a readout that `contrasts`."""
        return self.readout(task).embed(self.backbone, self.given(batch, task))

    def logits(self, pooled: Tensor, task: str) -> Tensor:
        """Logits by the head of `task`, of pooled outputs [B, C, I * D]: [B, classes], or [B, C]."""
        return self.readout(task).logits(pooled.float())

    def readout(self, task: str) -> Readout:
        """The readout of `task`."""
        found = self.heads[task]
        assert isinstance(found, Readout)
        return found

    def past(self, task: str) -> list[str]:
        """The tasks whose adapters `task` builds on, in order: those that have a Φ of their own."""
        return [name for name in self.order if name != task and self.adapters.config_of(name).novel]

    def other_heads(self, task: str) -> list[str]:
        """The tasks that have a head, other than `task`."""
        return [name for name in self.heads if name != task]

    @property
    def peft(self) -> PeftModel:
        """The backbone as a PEFT model. Raises UserError where no adapter was added yet."""
        if not self._peft:
            raise UserError("this model has no adapter yet")
        return self._peft[0]

    @property
    def adapters(self) -> AtlasModel:
        """All adapters of the model. Raises as `peft` does."""
        model = self.peft.base_model
        assert isinstance(model, AtlasModel)
        return model

    def add_adapter(self, task: str, generator: torch.Generator, **settings: Any) -> None:
        """A new adapter for `task` on those of its past, drawn from `generator`.

        Queries over the past that `task` was trained with before (stage 1) are kept. `settings` are those of an
        `AtlasConfig`, `experience` among them where it is another.
        """
        self.backbone.frozen.release()
        queries_by_site = self._remove_adapter(task)
        settings = {"experience": self.past(task), **settings}
        sites = self.backbone.adapter_sites(self.towers)
        config = AtlasConfig(target_modules=sites.target_modules, heads=sites.heads, **settings)
        if self._peft:
            self.peft.add_adapter(task, config)
        else:
            self._peft.append(with_adapter(self.backbone.model, config, task))
        self.order.append(task)
        site_combination.remove(self.adapters.sites())  # an earlier task's composition is not this one's
        self.adapters.reset_adapter(task, generator)
        for name, queries in queries_by_site.items():
            self.adapters.sites()[name].atlas_query_past[task].data.copy_(queries)
        self.backbone.to(self.device)

    def share_adapter(self, task: str, generator: torch.Generator, **settings: Any) -> None:
        """The model's only adapter, renamed to the newest task: that of the task before, or a new one."""
        before = self.order[-1:]
        self.add_adapter(task, generator, experience=[], **settings)
        for name in before:
            for site in self.adapters.sites().values():
                values = site.parameters_of(name)
                for role, parameter in site.parameters_of(task).items():
                    parameter.data.copy_(values[role])
            self._remove_adapter(name)

    def compose(self, task: str, generator: torch.Generator) -> None:
        """New attention over all adapters, for `task`, drawn from `generator`."""
        layers = self.adapters.sites()
        widths = {name: layer.out_features for name, layer in layers.items()}
        self.compositions[task] = Composition(self.order, widths, generator).to(self.device)
        self.activate(task)

    def ensure_head(self, task: str, generator: torch.Generator) -> None:
        """A head for `task`, drawn from `generator` and frozen, unless it has one; beside those of its kind."""
        if task not in self.heads:
            kind, known = find_readout(self.new_readout), map(self.readout, self.heads)
            head = beside(known, kind, self.backbone, self.forms[task], generator)
            self.heads[task] = head.to(self.device).requires_grad_(False)

    def train_head(self, task: str) -> None:
        """Freeze everything but the head of `task`."""
        self.requires_grad_(False)
        self.heads[task].requires_grad_(True)

    def train_backbone(self, task: str, *, frozen: int = 0) -> None:
        """The head of `task` and the backbone itself, but for its embeddings and lowest layers if some are `frozen`.

        Raises:
            UserError: more layers than there are, or a backbone with adapters on it.
        """
        if self._peft:
            raise UserError("a backbone that adapters were trained on cannot be tuned: they would no longer fit it.")
        self.backbone.frozen.release()
        self.train_head(task)
        self.tuning.train(frozen)

    def train_composition(self, task: str) -> None:
        """The head of `task` and its attention over the adapters."""
        self.train_head(task)
        self.compositions[task].requires_grad_(True)

    def train_experience(self, task: str) -> None:
        """Stage 1: the head of `task` and its queries over the past."""
        self.train_head(task)
        self.adapters.train_experience(task)

    def train_expansion(self, task: str, *, query_past: bool = False) -> None:
        """Stage 2: the head of `task`, its adapter, key and own query; its queries over the past too if asked."""
        self.train_head(task)
        self.adapters.train_expansion(task)
        if query_past:
            for layer in self.adapters.sites().values():
                if task in layer.atlas_query_past:
                    layer.atlas_query_past[task].requires_grad_(True)

    def activate(self, task: str) -> None:
        """Activate the adapters, queries and composition that `task` was trained with, if it has any."""
        if task in self.order:
            self.adapters.activate(task)
            site_combination.remove(self.adapters.sites())
        if task in self.compositions:
            self.composition(task).install(self.adapters.sites())

    def composition(self, task: str) -> site_combination.SiteCombination:
        """The way in which `task` combines the adapters, where it has one of its own."""
        found = self.compositions[task]
        assert isinstance(found, site_combination.SiteCombination)
        return found

    def penalty(self, task: str, stage: Literal["experience", "expansion"]) -> Tensor:
        """λ Σ over sites of R(Q) + R(K), a scalar (METHOD, 3)."""
        return self.adapters.penalty(task, stage)

    @property
    def device(self) -> torch.device:
        """The device of the backbone."""
        return next(self.backbone.parameters()).device

    def save(self, task: str, folder: Path) -> None:
        """Write the result of training `task`, of these files those that apply:

        `head.safetensors`; `adapter/` in PEFT's format; `composition.safetensors`; `backbone.safetensors`, the
        weights of the backbone that were trained; `heads/<task>.safetensors`, other tasks' heads that were trained.
        """
        if task in self.order:
            self.peft.save_pretrained(str(folder), selected_adapters=[task])
            (folder / task).rename(folder / "adapter")
            (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        if task in self.compositions:
            self.composition(task).save(folder)
        self.tuning.save(folder)
        save_readout(self.readout(task), folder / "head.safetensors")
        for name in self.other_heads(task):
            if any(parameter.requires_grad for parameter in self.heads[name].parameters()):
                (folder / "heads").mkdir(exist_ok=True)
                save_readout(self.readout(name), folder / "heads" / f"{name}.safetensors")

    def load(self, task: str, folder: Path, *, whole: bool = True) -> None:
        """The inverse of `save`, added to the steps loaded before; earlier weights of `task` are replaced.

        Unless `whole`, the heads alone are loaded: a later step's weights stand in for the rest.

        Raises:
            UserError: the folder lacks files that `save` writes, or an adapter that it builds on is not loaded.
        """
        if whole:
            self._load_weights(task, folder)
        self._load_head(task, folder / "head.safetensors")
        for path in sorted((folder / "heads").glob("*.safetensors")):
            self._load_head(path.name.removesuffix(".safetensors"), path)
        self.to(self.device)

    def _load_weights(self, task: str, folder: Path) -> None:
        self.backbone.frozen.release()
        self.tuning.load(folder)
        if not (folder / "adapter").is_dir():
            return
        self._remove_adapter(task)
        base = self.peft if self._peft else self.backbone.model
        self._peft[:] = [load_adapter(base, folder / "adapter", task)]
        self.order.append(task)
        if (found := load_combination(folder, self.adapters.sites())) is not None:
            self.compositions[task] = found.requires_grad_(False)
        self.activate(task)

    def _load_head(self, task: str, path: Path) -> None:
        self.heads[task] = load_readout(path, self.backbone, self.forms[task]).requires_grad_(False)

    def hold_frozen(self, precision: Precision) -> None:
        """Hold the backbone's weights in `precision` while they are computed in it, unless the backbone is tuned."""
        if not self.tuning.tuned:
            self.backbone.frozen.hold(getattr(torch, precision))

    def detach(self) -> None:
        """Remove all adapters and restore the backbone's pre-trained weights."""
        self.backbone.frozen.release()
        if self._peft:
            self.adapters.unload()
            self._peft.clear()
        self.tuning.restore()
        self.order.clear()
        self.compositions.clear()

    def _remove_adapter(self, task: str) -> dict[str, Tensor]:
        """Remove the adapter of `task`, if it has one; returns its queries over the past, by site."""
        if task not in self.order:
            return {}
        sites = self.adapters.sites().items()
        queries = {
            name: site.atlas_query_past[task].detach().clone() for name, site in sites if task in site.atlas_query_past
        }
        self.order.remove(task)
        if self.order:
            self.activate(self.order[-1])
        self.peft.delete_adapter(task)
        return queries
