"""Elastic weight consolidation (EWC): fine-tuning with a quadratic penalty on weights that matter to earlier tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel

FILE = "fisher.safetensors"


@dataclass(frozen=True, kw_only=True)
class EwcStage(Stage):
    """Fine-tuning with the penalty of EWC; at its end the Fisher information of the task is computed."""

    kind: ClassVar[str] = "consolidation"
    replaces: ClassVar[bool] = True
    weight: float = 100.0
    records: int = 200

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise UserError(f"weight is {self.weight}; give the λ of EWC as 0 or more (CLiMB: 100).")
        if self.records < 1:
            raise UserError(f"records is {self.records}; the Fisher information needs 1 or more.")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def hooks(self, context: StageContext) -> StageHooks:
        return EwcHooks(context, self.weight, self.records)


class EwcHooks(StageHooks):
    """The Fisher information F = Σ_k F_k of the tasks so far, and the centre Σ_k F_k θ_k / F of the penalty."""

    def __init__(self, context: StageContext, weight: float, records: int) -> None:
        self.context, self.weight, self.records = context, weight, records
        self.fisher: dict[str, Tensor] = {}
        self.centre: dict[str, Tensor] = {}
        if context.prior_steps:
            self._load(context.prior_steps[-1].folder)

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor | None:
        """λ/2 Σ F (θ − centre)²."""
        if not self.weight or not self.fisher:
            return None
        weights = self.context.model.tuning.parameters
        terms = [(value * (weights[name] - self.centre[name]).square()).sum() for name, value in self.fisher.items()]
        return self.weight / 2 * sum(terms[1:], terms[0])

    def on_stage_end(self) -> dict[str, JsonValue]:
        """Add the Fisher information of the newest task and move the centre."""
        for name, fresh in self._fisher_information().items():
            here = self.context.model.tuning.parameters[name].detach()
            before, centre = self.fisher.get(name, fresh.new_zeros(())), self.centre.get(name, here)
            total = before + fresh
            self.centre[name] = centre + (fresh / total.clamp_min(1e-30)) * (here - centre)
            self.fisher[name] = total
        return {"fisher_records": self.records}

    def save(self, folder: Path) -> None:
        """Write `fisher.safetensors`: `fisher/<weight>` and `centre/<weight>`."""
        from safetensors.torch import save_file

        tensors = {"fisher": self.fisher, "centre": self.centre}
        save_file(
            {
                f"{kind}/{name}": value.cpu().contiguous()
                for kind, by_name in tensors.items()
                for name, value in by_name.items()
            },
            folder / FILE,
        )

    def _load(self, folder: Path) -> None:
        from safetensors.torch import load_file

        if (folder / FILE).is_file():
            for name, value in load_file(folder / FILE).items():
                kind, _, weight = name.partition("/")
                (self.fisher if kind == "fisher" else self.centre)[weight] = value.to(self.context.model.device)

    def _fisher_information(self) -> dict[str, Tensor]:
        """F_t = E[(∂ log p(y | x) / ∂θ)²] over records of the task, one gradient a record."""
        from atlas.data.loader import permutation

        context, data = self.context, self.context.data[self.context.task]
        train = data.splits["train"]
        chosen = permutation(len(train), seed=context.seed("fisher"), epoch=0)[: self.records]
        weights = context.model.tuning.trained()
        squares = {name: weight.detach().new_zeros(weight.shape) for name, weight in weights.items()}
        for record in context.group.shard(chosen).split(1):
            context.model.zero_grad(set_to_none=True)
            batch = train.batch(record).to(context.model.device)
            context.model.loss(batch, context.task, data.scoring)[0].backward()
            for name, weight in weights.items():
                if weight.grad is not None:
                    squares[name] += weight.grad.square()
        context.model.zero_grad(set_to_none=True)
        return {name: context.group.all_reduce(value) / len(chosen) for name, value in squares.items()}


@dataclass(frozen=True, kw_only=True)
class Ewc(Learner):
    """Elastic weight consolidation (Kirkpatrick et al., 2017): min L_t(θ) + λ/2 Σ_{k<t} Σ_j F_kj (θ_j − θ*_kj)².

    F_k is the diagonal of the Fisher information of task k at θ*_k, the weights after it, from `records` of its
    training records with their own labels, one gradient a record. The sum over the earlier tasks is, up to a
    constant, λ/2 Σ_j F_j (θ_j − c_j)² with F = Σ F_k and c = Σ F_k θ*_k / F, so that the newest step holds all of it.
    Heads belong to one task each and have no penalty.
    """

    name: ClassVar[str] = "ewc"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    no_captions: ClassVar[str] = "its Fisher information takes records one by one, and captions are told from others"
    schedule: Schedule = field(default_factory=Schedule)
    weight: float = 100.0
    records: int = 200

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (EwcStage(schedule=self.schedule, weight=self.weight, records=self.records),)
