"""Continual learners and their stages. Thin: torch is imported by `continual_model`, `trainer` and `fit` alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas.learners.adapter_fusion import AdapterFusion, CompositionStage
from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.evaluation_stage import EvaluationStage
from atlas.learners.ewc import Ewc, EwcStage
from atlas.learners.fine_tuning import BottomFrozen, FineTuning, FineTuningStage, TopTuningStage
from atlas.learners.joint import Joint, JointStage
from atlas.learners.l2p import L2p, PromptPoolStage
from atlas.learners.lwf import Lwf, LwfStage
from atlas.learners.moe_adapters import MoeAdapters, MoeStage
from atlas.learners.normalised import NormalisedTwoStage
from atlas.learners.o_lora import OLora, OLoraStage
from atlas.learners.one_stage import ExpansionOnly, ExperienceOnly
from atlas.learners.rail import JointRegressionStage, Rail, RegressionStage
from atlas.learners.reference import HeadOnly, HeadStage, SingleTaskAdapters
from atlas.learners.replay import Memory, Replay, ReplayStage
from atlas.learners.routed_adapters import RoutedAdapters, RoutedAdapterStage, RouterStage
from atlas.learners.schedule import AskedPrecision, Precision, Schedule, schedule_from
from atlas.learners.settings import from_settings
from atlas.learners.shared_adapter import SharedAdapter, SharedAdapterStage
from atlas.learners.two_stage import Expansion, Experience, Fusion, TwoStage
from atlas.learners.user_learner import USER_LEARNERS, USER_STAGES, learner_address, learner_digest, load_user_learner
from atlas.learners.wise_ft import WiseFt, WiseFtStage
from atlas.learners.zero_shot import ZeroShot, ZeroShotStage
from atlas.learners.zscl import Zscl, ZsclStage
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.user_code import is_address

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = [
    "LEARNERS",
    "STAGES",
    "AdapterFusion",
    "AskedPrecision",
    "BottomFrozen",
    "EvaluationStage",
    "Ewc",
    "Expansion",
    "ExpansionOnly",
    "Experience",
    "ExperienceOnly",
    "FineTuning",
    "Fusion",
    "HeadOnly",
    "HeadStage",
    "Joint",
    "L2p",
    "Learner",
    "Lineage",
    "SingleTaskAdapters",
    "Lwf",
    "Memory",
    "NormalisedTwoStage",
    "MoeAdapters",
    "OLora",
    "Precision",
    "Rail",
    "Replay",
    "RoutedAdapters",
    "Schedule",
    "SharedAdapter",
    "Stage",
    "TwoStage",
    "WiseFt",
    "ZeroShot",
    "Zscl",
    "learner_address",
    "find_learner",
    "learner_digest",
    "is_known",
    "learner_from",
    "schedule_from",
    "stage_from",
]

LEARNERS: dict[str, type[Learner]] = {
    TwoStage.name: TwoStage,
    NormalisedTwoStage.name: NormalisedTwoStage,
    ExperienceOnly.name: ExperienceOnly,
    ExpansionOnly.name: ExpansionOnly,
    HeadOnly.name: HeadOnly,
    SingleTaskAdapters.name: SingleTaskAdapters,
    AdapterFusion.name: AdapterFusion,
    SharedAdapter.name: SharedAdapter,
    OLora.name: OLora,
    FineTuning.name: FineTuning,
    BottomFrozen.name: BottomFrozen,
    Ewc.name: Ewc,
    Replay.name: Replay,
    Lwf.name: Lwf,
    WiseFt.name: WiseFt,
    Zscl.name: Zscl,
    MoeAdapters.name: MoeAdapters,
    L2p.name: L2p,
    Rail.name: Rail,
    RoutedAdapters.name: RoutedAdapters,
    Joint.name: Joint,
}

STAGES: dict[str, type[Stage]] = {
    Experience.kind: Experience,
    Expansion.kind: Expansion,
    HeadStage.kind: HeadStage,
    CompositionStage.kind: CompositionStage,
    SharedAdapterStage.kind: SharedAdapterStage,
    OLoraStage.kind: OLoraStage,
    FineTuningStage.kind: FineTuningStage,
    TopTuningStage.kind: TopTuningStage,
    EwcStage.kind: EwcStage,
    ReplayStage.kind: ReplayStage,
    LwfStage.kind: LwfStage,
    WiseFtStage.kind: WiseFtStage,
    ZsclStage.kind: ZsclStage,
    MoeStage.kind: MoeStage,
    PromptPoolStage.kind: PromptPoolStage,
    RegressionStage.kind: RegressionStage,
    JointRegressionStage.kind: JointRegressionStage,
    RoutedAdapterStage.kind: RoutedAdapterStage,
    RouterStage.kind: RouterStage,
    JointStage.kind: JointStage,
    ZeroShotStage.kind: ZeroShotStage,
    EvaluationStage.kind: EvaluationStage,
}


def find_learner(name: str) -> type[Learner]:
    """The learner of that name, or a user-defined one at an address `my_learner.py:NAME`, then known by its name too.

    Raises UserError that names the nearest known one.
    """
    if is_address(name):
        return load_user_learner(name, learners=LEARNERS, stages=STAGES)
    known = LEARNERS | {user: kind for user, (_, _, kind) in USER_LEARNERS.items()}
    if name not in known:
        raise unknown("learner", name, known)
    return known[name]


def is_known(learner: Learner) -> bool:
    """Whether `find_learner` finds it, by its name."""
    return LEARNERS.get(learner.name) is type(learner) or USER_LEARNERS.get(learner.name, (None,))[-1] is type(learner)


def stage_from(settings: Mapping[str, JsonValue]) -> Stage:
    """The inverse of `Stage.settings`; a user-defined stage is known once its learner was found.

    Raises UserError for a kind or a setting that no stage has.
    """
    values = dict(settings)
    kind, source = str(values.pop("kind")), values.pop("source", "")
    known = STAGES | USER_STAGES
    if kind not in known and source:
        raise UserError(
            f"the stage {kind!r} is of a learner's own file, which is not loaded here: name it by --learner "
            f"FILE.py:NAME (in Python: atlas.learners.find_learner('FILE.py:NAME') beforehand)."
        )
    if kind not in known:
        raise unknown("stage", kind, known)
    return from_settings(known[kind], values, "stage")


def learner_from(settings: Mapping[str, JsonValue], kind: type[Learner] | None = None) -> Learner:
    """The inverse of `Learner.settings`, of the class `kind` where it is given instead of found.

    Raises UserError for a name or a setting that no learner has.
    """
    values = dict(settings)
    name = str(values.pop("name"))
    return from_settings(kind or find_learner(name), values, "learner")
