"""MoE-Adapters: a router a task over experts that tasks share, of which the most used are frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue
    from torch import Tensor

    from atlas.adapters import AtlasLayer
    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.routing import Routing


@dataclass(frozen=True, kw_only=True)
class MoeStage(Stage):
    """The task's router and head, and the experts that are not frozen, from their weights after the task before."""

    kind: ClassVar[str] = "expert-routing"
    replaces: ClassVar[bool] = True
    by_task: ClassVar[bool] = True
    experts: int = 22
    top: int = 2
    rank: int = 48
    records: int = 200

    def __post_init__(self) -> None:
        if not 1 <= self.top <= self.experts:
            raise UserError(
                f"top is {self.top} of {self.experts} experts; give 1 or more experts, and how many of them answer a "
                f"record (the paper: 2 of 22)."
            )
        if self.rank < 1:
            raise UserError(f"rank is {self.rank}; an expert needs a rank of 1 or more (its code: 64).")
        if self.records < 1:
            raise UserError(f"records is {self.records}; which experts are used most takes 1 or more to tell.")

    @property
    def weighs(self) -> bool:
        return True

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        from atlas.learners.routing import Routing

        before = model.order[-1:]
        model.share_adapter(
            task, generator, kind="lora", r=self.experts * self.rank, combination="uniform", skip="outside"
        )
        model.ensure_head(task, generator)
        widths = {name: site.in_features for name, site in model.adapters.sites().items()}
        known = [model.compositions.pop(name) for name in before]
        routing = known[0] if known else Routing(widths, experts=self.experts, top=self.top)
        assert isinstance(routing, Routing)
        router = routing.add(task, generator)
        model.compositions[task] = routing.to(model.device)
        model.activate(task)
        model.train_expansion(task)
        router.requires_grad_(True)

    def hooks(self, context: StageContext) -> StageHooks:
        return MoeHooks(context, self)


class MoeHooks(StageHooks):
    """Holds the frozen experts as they were, and freezes those that the task has used most."""

    def __init__(self, context: StageContext, stage: MoeStage) -> None:
        from atlas.learners.routing import Routing

        self.context, self.stage = context, stage
        found = context.model.composition(context.task)
        assert isinstance(found, Routing)
        self.routing: Routing = found
        self.held = [self._frozen_parts(name, site) for name, site in context.model.adapters.sites().items()]

    def _frozen_parts(self, name: str, site: AtlasLayer) -> list[tuple[Tensor, Tensor, Tensor]]:
        """The adapter's weights at a site, as rows of a rank each; which of them are frozen, and their values."""
        down, up = (role[self.context.task].data for role in (site.atlas_down, site.atlas_up))
        ranks = self.routing.frozen[name].repeat_interleave(self.stage.rank).nonzero()[:, 0].to(down.device)
        return [(rows, ranks, rows[ranks].clone()) for rows in (down, up.T) if len(ranks)]

    def after_update(self, update: int) -> None:
        """The optimiser's decay of weights does not ask for gradients, so that frozen ones are put back."""
        for parts in self.held:
            for rows, ranks, values in parts:
                rows[ranks] = values

    def on_stage_end(self) -> dict[str, JsonValue]:
        """Freeze, at each site, the experts that answer most of the task's records."""
        for site, counts in self._counted().items():
            self.routing.frozen[site][counts.argsort(descending=True, stable=True)[: self.stage.top]] = True
        return {"frozen_experts": sum(int(mask.sum()) for mask in self.routing.frozen.values())}

    def _counted(self) -> dict[str, Tensor]:
        """By site, how many of `records` training records each expert answers [E]."""
        import torch

        from atlas.data.loader import permutation
        from atlas.learners.precision import autocast

        context, schedule = self.context, self.stage.schedule
        data, group, device = context.data[context.task], context.group, context.model.device
        train = data.splits["train"]
        records = group.shard(permutation(len(train), seed=context.seed("usage"), epoch=0)[: self.stage.records])
        self.routing.chosen = {
            site: torch.zeros(self.stage.experts, dtype=torch.long, device=device) for site in self.routing.widths
        }
        with torch.no_grad(), autocast(group.device, schedule.precision):
            for part in records.split(schedule.batch_size) if len(records) else ():
                context.model.loss(train.batch(part).to(device), context.task, data.scoring)
        counts, self.routing.chosen = self.routing.chosen, None
        return {site: group.all_reduce(value).cpu() for site, value in counts.items()}


@dataclass(frozen=True, kw_only=True)
class MoeAdapters(Learner):
    """MoE-Adapters (Yu et al., 2024, arXiv:2403.11549): out = h + Σ_e g_e B_e A_e x, g = softmax(top_k(R_t(x̄))).

    E experts B_e A_e (LoRA, at the sites of all learners here) are shared by the tasks; each task has a router R_t at
    each site, trained with the experts by min L_t, and `top` experts answer a record. After a task, the `top` experts
    of a site that answer most of its records are frozen (activate and freeze), so that later tasks may use and not
    change them. Every task seen is answered by its own router, with the experts as they are by then. Gates are noisy
    while they are trained (`routing.py`), as in its code, which has 22 experts of rank 64 for eleven tasks.

    Differences: x̄ is the mean of a site's input over its tokens (on a decoder, of the prompt), where its code takes
    the first token, since not every family has one that knows the rest; experts stand at both sites of a layer, in its
    code beside the MLP; most used are counted on `records` training records after the last update, in its code while it
    trains. Its selector by autoencoders (DDAS), which finds the task of a record that names none, is not part of it
    (the learner `routed-adapters` finds it by prototypes): with a task known, as in MTIL's comparison of learners,
    nothing depends on it, and a task without a router is answered by the frozen backbone, as what DDAS finds out of
    distribution is.
    """

    name: ClassVar[str] = "moe-adapters"
    lineage: ClassVar[Lineage] = "sequence"
    schedule: Schedule = field(default_factory=Schedule)
    experts: int = 22
    top: int = 2
    rank: int = 48
    records: int = 200

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (
            MoeStage(schedule=self.schedule, experts=self.experts, top=self.top, rank=self.rank, records=self.records),
        )
