"""Ablations of ATLAS: one of its two stages alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.two_stage import Experience, TwoStage
from atlas.runtime.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ExperienceOnly(Learner):
    """ATLAS with stage 1 alone (METHOD, 3): the first task has an adapter, all later ones queries over it and a head.

    out = α_1 Φ_1(h), α_1 = (cos(a_1, k_1) + 1) / 2 with the newest task's query. No adapter is added after the
    first task, so that later tasks measure the value of one adapter's experience.
    """

    name: ClassVar[str] = "atlas-stage-1"
    lineage: ClassVar[Lineage] = "sequence"
    like: TwoStage = field(default_factory=TwoStage)

    def __post_init__(self) -> None:
        self.stages(1)

    def stages(self, position: int) -> tuple[Stage, ...]:
        if position == 0:
            return self.like.stages(0)
        if self.like.experience is None:
            raise UserError("experience is None: there is no schedule for the only stage; give one.")
        return (Experience(schedule=self.like.experience, fusion=self.like.fusion, last=True),)


@dataclass(frozen=True, kw_only=True)
class ExpansionOnly(Learner):
    """ATLAS with stage 2 alone (METHOD, 3): a new adapter a task, all queries trained together with it.

    out = Σ_{i≤t} α_i Φ_i(h), with Φ_t, k_t and all of q_t^1 … q_t^t trained at once. The same as `atlas` without a
    schedule for its experience.
    """

    name: ClassVar[str] = "atlas-stage-2"
    lineage: ClassVar[Lineage] = "sequence"
    like: TwoStage = field(default_factory=TwoStage)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return replace(self.like, experience=None).stages(position)
