"""Learners: how one task is learnt after another. This package is thin: torch comes with `model` and `fit`."""

from __future__ import annotations

from typing import Any

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
from atlas.learners.user_learner import OWN, OWN_STAGES, address_of, bring, digest_of
from atlas.runtime.errors import unknown
from atlas.runtime.user_code import is_address

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
    "address_of",
    "find_learner",
    "digest_of",
    "is_known",
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
    """The learner of that name, or the user's own at an address `mine.py:NAME`; that is then known by its name too.

    Raises AtlasError that names the nearest known one.
    """
    if is_address(name):
        return bring(name, learners=LEARNERS, stages=STAGES)
    known = LEARNERS | {own: kind for own, (_, _, kind) in OWN.items()}
    if name not in known:
        raise unknown("learner", name, known)
    return known[name]


def is_known(learner: Learner) -> bool:
    """Whether `find_learner` finds it, by its name."""
    return LEARNERS.get(learner.name) is type(learner) or OWN.get(learner.name, (None,))[-1] is type(learner)


def stage_from(settings: dict[str, Any]) -> Stage:
    """The inverse of `Stage.settings`; a user's own stage is known once its learner was found.

    Raises AtlasError for a kind or a setting that no stage has.
    """
    values = dict(settings)
    kind, own = values.pop("kind"), values.pop("source", "")
    known = STAGES | OWN_STAGES
    if kind not in known:
        raise unknown("stage (of a file that is not at hand)" if own else "stage", kind, known)
    return from_settings(known[kind], values, "stage")


def learner_from(settings: dict[str, Any], kind: type[Learner] | None = None) -> Learner:
    """The inverse of `Learner.settings`, of the class `kind` where it is given instead of found.

    Raises AtlasError for a name or a setting that no learner has.
    """
    values = dict(settings)
    name = values.pop("name")
    return from_settings(kind or find_learner(name), values, "learner")
