"""ATLAS: experience-based learning, then novel knowledge expansion (arXiv:2410.10923; METHOD, 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypedDict

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.schedule import Schedule
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.fusion_options import FUSION_OPTIONS
from atlas.runtime.text import counted

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel


class FusionSettings(TypedDict):
    """The fields of an `AtlasConfig` that a `Fusion` decides."""

    weighting: str
    normalisation: str
    skip: str
    combination: str
    weights: list[float] | None
    penalty: float


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """The combination of adapters at a site (METHOD, 2); the names are those of `FUSION_OPTIONS`.

    `weights` are the α_i of a `fixed` combination, one for each position of the order. `penalty` is λ of the
    orthogonality penalty.
    """

    weighting: str = "whole"
    normalisation: str = "none"
    skip: str = "inside"
    combination: str = "learned"
    weights: tuple[float, ...] = ()
    penalty: float = 0.1

    def __post_init__(self) -> None:
        for name, allowed in FUSION_OPTIONS.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed)
        if not self.penalty >= 0:
            raise UserError(f"penalty is {self.penalty}; give λ as 0 or more (the paper: 0.1).")
        if bool(self.weights) != (self.combination == "fixed"):
            raise UserError(
                f"weights are {list(self.weights)} with combination {self.combination!r}; a fixed combination "
                f"needs one weight for each position of the order, the others take none."
            )

    def for_stack(self, count: int) -> FusionSettings:
        """The settings of the newest of `count` adapters. Raises UserError where fixed weights are too few."""
        if self.combination == "fixed" and len(self.weights) < count:
            raise UserError(
                f"{counted(len(self.weights), 'fixed weight')} for {counted(count, 'adapter')}; give one a position."
            )
        return FusionSettings(
            weighting=self.weighting,
            normalisation=self.normalisation,
            skip=self.skip,
            combination=self.combination,
            weights=list(self.weights[:count]) or None,
            penalty=self.penalty,
        )


@dataclass(frozen=True, kw_only=True)
class Experience(Stage):
    """Stage 1: queries over the frozen adapters of the past, and the head. Earlier adapters do not change."""

    kind: ClassVar[str] = "experience"
    fusion: Fusion = field(default_factory=Fusion)
    last: bool = False

    @property
    def weighs(self) -> bool:
        return self.fusion.combination == "learned" or super().weighs

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.add_adapter(task, generator, novel=False, **self.fusion.for_stack(len(model.past(task))))
        model.ensure_head(task, generator)
        model.train_experience(task)

    def penalty(self, model: ContinualModel, task: str) -> torch.Tensor | None:
        return model.penalty(task, "experience")


@dataclass(frozen=True, kw_only=True)
class Expansion(Stage):
    """Stage 2: a new adapter with its key and query, and the head; the queries of stage 1 are frozen.

    `alone`: there is no stage 1, so that the queries over the past are trained here too.
    """

    kind: ClassVar[str] = "expansion"
    fusion: Fusion = field(default_factory=Fusion)
    adapter: str = "bottleneck"
    rank: int = 48
    alone: bool = False

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank is {self.rank}; an adapter needs a rank of 1 or more (the paper: 48).")

    @property
    def weighs(self) -> bool:
        return self.fusion.combination == "learned" or super().weighs

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        count = len(model.past(task)) + 1
        model.add_adapter(task, generator, novel=True, kind=self.adapter, r=self.rank, **self.fusion.for_stack(count))
        model.ensure_head(task, generator)
        model.train_expansion(task, query_past=self.alone)

    def penalty(self, model: ContinualModel, task: str) -> torch.Tensor | None:
        return model.penalty(task, "expansion")


@dataclass(frozen=True, kw_only=True)
class TwoStage(Learner):
    """ATLAS (arXiv:2410.10923; METHOD, 2 and 3): out = Σ_{i≤t} α_i Φ_i(h), α_i = (cos(a_i, k_i) + 1) / 2.

    Experience-based learning trains the queries q_t^1 … q_t^{t−1} over the frozen adapters, and the head; then novel
    knowledge expansion trains Φ_t, its key and its query, and the head. Both minimise L_t + λ Σ over sites of
    R(Q) + R(K). The first task has the second stage alone; `experience=None` leaves the first one out for all.
    """

    name: ClassVar[str] = "atlas"
    lineage: ClassVar[Lineage] = "sequence"
    fusion: Fusion = field(default_factory=Fusion)
    adapter: str = "bottleneck"
    rank: int = 48
    experience: Schedule | None = field(default_factory=Schedule)
    expansion: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        self.stages(1)

    def stages(self, position: int) -> tuple[Stage, ...]:
        expansion = Expansion(
            schedule=self.expansion,
            fusion=self.fusion,
            adapter=self.adapter,
            rank=self.rank,
            alone=position > 0 and self.experience is None,
        )
        if position == 0 or self.experience is None:
            return (expansion,)
        return (Experience(schedule=self.experience, fusion=self.fusion), expansion)
