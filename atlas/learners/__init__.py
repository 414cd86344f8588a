"""Learners: how one task is learnt after another. This package is thin: torch comes with `stack` and `fit`."""

from __future__ import annotations

from typing import Any

from atlas.errors import unknown
from atlas.learners.adapter_fusion import AdapterFusion, Composing
from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.ewc import Consolidation, Ewc
from atlas.learners.fine_tuning import BottomFrozen, FineTuning, TopTuning, Tuning
from atlas.learners.joint import Joint, JointTuning
from atlas.learners.lwf import Distillation, Lwf
from atlas.learners.o_lora import OLora, OrthogonalLora
from atlas.learners.one_stage import ExpansionAlone, ExperienceAlone
from atlas.learners.reference import HeadOnly, HeadStage, LoneAdapters
from atlas.learners.replay import Memory, Replay, Replaying
from atlas.learners.schedule import Precision, Schedule, schedule_from
from atlas.learners.settings import from_settings
from atlas.learners.shared_adapter import SharedAdapter, Sharing
from atlas.learners.two_stage import Expansion, Experience, Fusion, TwoStage

__all__ = [
    "LEARNERS",
    "STAGES",
    "AdapterFusion",
    "BottomFrozen",
    "Ewc",
    "Expansion",
    "ExpansionAlone",
    "Experience",
    "ExperienceAlone",
    "FineTuning",
    "Fusion",
    "HeadOnly",
    "HeadStage",
    "Joint",
    "Learner",
    "Lineage",
    "LoneAdapters",
    "Lwf",
    "Memory",
    "OLora",
    "Precision",
    "Replay",
    "Schedule",
    "SharedAdapter",
    "Stage",
    "TwoStage",
    "find_learner",
    "learner_from",
    "schedule_from",
    "stage_from",
]

LEARNERS: dict[str, type[Learner]] = {
    TwoStage.name: TwoStage,
    ExperienceAlone.name: ExperienceAlone,
    ExpansionAlone.name: ExpansionAlone,
    HeadOnly.name: HeadOnly,
    LoneAdapters.name: LoneAdapters,
    AdapterFusion.name: AdapterFusion,
    SharedAdapter.name: SharedAdapter,
    OLora.name: OLora,
    FineTuning.name: FineTuning,
    BottomFrozen.name: BottomFrozen,
    Ewc.name: Ewc,
    Replay.name: Replay,
    Lwf.name: Lwf,
    Joint.name: Joint,
}

STAGES: dict[str, type[Stage]] = {
    Experience.kind: Experience,
    Expansion.kind: Expansion,
    HeadStage.kind: HeadStage,
    Composing.kind: Composing,
    Sharing.kind: Sharing,
    OrthogonalLora.kind: OrthogonalLora,
    Tuning.kind: Tuning,
    TopTuning.kind: TopTuning,
    Consolidation.kind: Consolidation,
    Replaying.kind: Replaying,
    Distillation.kind: Distillation,
    JointTuning.kind: JointTuning,
}


def find_learner(name: str) -> type[Learner]:
    """The learner of that name. Raises AtlasError that names the nearest."""
    if name not in LEARNERS:
        raise unknown("learner", name, LEARNERS)
    return LEARNERS[name]


def stage_from(settings: dict[str, Any]) -> Stage:
    """The inverse of `Stage.settings`. Raises AtlasError for a kind or a setting that no stage has."""
    values = dict(settings)
    kind = values.pop("kind")
    if kind not in STAGES:
        raise unknown("stage", kind, STAGES)
    return from_settings(STAGES[kind], values, "stage")


def learner_from(settings: dict[str, Any]) -> Learner:
    """The inverse of `Learner.settings`. Raises AtlasError for a name or a setting that no learner has."""
    values = dict(settings)
    return from_settings(find_learner(values.pop("name")), values, "learner")
