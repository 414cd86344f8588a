"""ATLAS with one of its two stages left out: what each of them is worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.two_stage import Experience, TwoStage
from atlas.runtime.errors import AtlasError


@dataclass(frozen=True, kw_only=True)
class ExperienceAlone(Learner):
    """ATLAS with stage 1 alone (METHOD, 3): the first task has an adapter, all later ones queries over it and a head.

    out = α_1 Φ_1(h), α_1 = (cos(a_1, k_1) + 1) / 2 with the newest task's query. Nothing is added to the model after
    the first task, so that what later tasks reach is what one adapter's experience is worth to them.
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
            raise AtlasError("experience is None: there is no schedule for the only stage; give one.")
        return (Experience(schedule=self.like.experience, fusion=self.like.fusion, last=True),)


@dataclass(frozen=True, kw_only=True)
class ExpansionAlone(Learner):
    """ATLAS with stage 2 alone (METHOD, 3): a new adapter a task, all queries learnt together with it.

    out = Σ_{i≤t} α_i Φ_i(h), with Φ_t, k_t and all of q_t^1 … q_t^t learnt at once. The same as `atlas` without a
    schedule for its experience.
    """

    name: ClassVar[str] = "atlas-stage-2"
    lineage: ClassVar[Lineage] = "sequence"
    like: TwoStage = field(default_factory=TwoStage)

    def stages(self, position: int) -> tuple[Stage, ...]:
        return replace(self.like, experience=None).stages(position)
