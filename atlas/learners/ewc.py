"""Elastic weight consolidation: fine-tuning that holds on to the weights that earlier tasks need."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import AtlasError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from atlas.data.loader import Batch
    from atlas.learners.continual_model import ContinualModel

FILE = "fisher.safetensors"


@dataclass(frozen=True, kw_only=True)
class Consolidation(Stage):
    """Fine-tuning with the penalty of EWC; at its end the Fisher information of the task is worked out."""

    kind: ClassVar[str] = "consolidation"
    replaces: ClassVar[bool] = True
    weight: float = 100.0
    records: int = 200

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise AtlasError(f"weight is {self.weight}; give the λ of EWC as 0 or more (CLiMB: 100).")
        if self.records < 1:
            raise AtlasError(f"records is {self.records}; the Fisher information needs 1 or more.")

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_backbone(task)

    def recall(self, lesson: StageContext) -> StageHooks:
        return Consolidated(lesson, self.weight, self.records)


class Consolidated(StageHooks):
    """The information F = Σ_k F_k of the tasks so far, and the centre Σ_k F_k θ_k / F that the weights are drawn to."""

    def __init__(self, lesson: StageContext, weight: float, records: int) -> None:
        self.lesson, self.weight, self.records = lesson, weight, records
        self.fisher: dict[str, Tensor] = {}
        self.centre: dict[str, Tensor] = {}
        if lesson.past:
            self._load(lesson.past[-1].folder)

    def penalty(self, batch: Batch, pooled: Tensor) -> Tensor | None:
        """λ/2 Σ F (θ − centre)²."""
        if not self.weight or not self.fisher:
            return None
        weights = self.lesson.model.tuned.parameters
        pulls = [(value * (weights[name] - self.centre[name]).square()).sum() for name, value in self.fisher.items()]
        return self.weight / 2 * sum(pulls[1:], pulls[0])

    def on_stage_end(self) -> dict[str, Any]:
        """Add the task just learnt to the information and move the centre."""
        for name, fresh in self._information().items():
            here = self.lesson.model.tuned.parameters[name].detach()
            before, centre = self.fisher.get(name, fresh.new_zeros(())), self.centre.get(name, here)
            total = before + fresh
            self.centre[name] = centre + (fresh / total.clamp_min(1e-30)) * (here - centre)
            self.fisher[name] = total
        return {"fisher_records": self.records}

    def save(self, folder: Path) -> None:
        """Write `fisher.safetensors`: `fisher/<weight>` and `centre/<weight>`."""
        from safetensors.torch import save_file

        named = {"fisher": self.fisher, "centre": self.centre}
        save_file(
            {
                f"{what}/{name}": value.cpu().contiguous()
                for what, held in named.items()
                for name, value in held.items()
            },
            folder / FILE,
        )

    def _load(self, folder: Path) -> None:
        from safetensors.torch import load_file

        if (folder / FILE).is_file():
            for name, value in load_file(folder / FILE).items():
                what, _, weight = name.partition("/")
                (self.fisher if what == "fisher" else self.centre)[weight] = value.to(self.lesson.model.device)

    def _information(self) -> dict[str, Tensor]:
        """F_t = E[(∂ log p(y | x) / ∂θ)²] over records of the task, each record's gradient by itself."""
        from atlas.data.loader import permutation
        from atlas.learners.trainer import task_loss

        lesson, data = self.lesson, self.lesson.data[self.lesson.task]
        train = data.splits["train"]
        chosen = permutation(len(train), seed=lesson.seed("fisher"), epoch=0)[: self.records]
        weights = lesson.model.tuned.trained()
        squares = {name: weight.detach().new_zeros(weight.shape) for name, weight in weights.items()}
        for record in lesson.group.share(chosen).split(1):
            lesson.model.zero_grad(set_to_none=True)
            batch = train.batch(record).to(lesson.model.device)
            task_loss(lesson.model(batch, lesson.task), batch.targets, data.score).backward()
            for name, weight in weights.items():
                if weight.grad is not None:
                    squares[name] += weight.grad.square()
        lesson.model.zero_grad(set_to_none=True)
        return {name: lesson.group.total(value) / len(chosen) for name, value in squares.items()}


@dataclass(frozen=True, kw_only=True)
class Ewc(Learner):
    """Elastic weight consolidation (Kirkpatrick et al., 2017): min L_t(θ) + λ/2 Σ_{k<t} Σ_j F_kj (θ_j − θ*_kj)².

    F_k is the diagonal of the Fisher information of task k at θ*_k, the weights after it, from `records` of its
    training records with their own labels, one gradient a record. The sum over the earlier tasks is, up to a
    constant, λ/2 Σ_j F_j (θ_j − c_j)² with F = Σ F_k and c = Σ F_k θ*_k / F, so that the newest step holds all of it.
    Heads belong to one task each and are not held.
    """

    name: ClassVar[str] = "ewc"
    lineage: ClassVar[Lineage] = "sequence"
    tunes_backbone: ClassVar[bool] = True
    schedule: Schedule = field(default_factory=Schedule)
    weight: float = 100.0
    records: int = 200

    def __post_init__(self) -> None:
        self.stages(0)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return (Consolidation(schedule=self.schedule, weight=self.weight, records=self.records),)
