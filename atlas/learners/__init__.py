"""Learners: how one task is learnt after another. This package is thin: torch comes with `stack` and `fit`."""

from __future__ import annotations

from typing import Any

from atlas.errors import unknown
from atlas.learners.base import Learner, Lineage, Stage
from atlas.learners.reference import HeadOnly, HeadStage, LoneAdapters
from atlas.learners.schedule import Precision, Schedule, schedule_from
from atlas.learners.two_stage import Expansion, Experience, Fusion, TwoStage

__all__ = [
    "LEARNERS",
    "STAGES",
    "Expansion",
    "Experience",
    "Fusion",
    "HeadOnly",
    "HeadStage",
    "Learner",
    "Lineage",
    "LoneAdapters",
    "Precision",
    "Schedule",
    "Stage",
    "TwoStage",
    "find_learner",
    "fusion_from",
    "learner_from",
    "schedule_from",
    "stage_from",
]

LEARNERS: dict[str, type[Learner]] = {
    TwoStage.name: TwoStage,
    HeadOnly.name: HeadOnly,
    LoneAdapters.name: LoneAdapters,
}

STAGES: dict[str, type[Stage]] = {
    Experience.kind: Experience,
    Expansion.kind: Expansion,
    HeadStage.kind: HeadStage,
}


def find_learner(name: str) -> type[Learner]:
    """The learner of that name. Raises AtlasError that names the nearest."""
    if name not in LEARNERS:
        raise unknown("learner", name, LEARNERS)
    return LEARNERS[name]


def stage_from(settings: dict[str, Any]) -> Stage:
    """The inverse of `Stage.settings`. Raises AtlasError for a kind that no stage has."""
    values = dict(settings)
    kind = values.pop("kind")
    if kind not in STAGES:
        raise unknown("stage", kind, STAGES)
    values["schedule"] = schedule_from(values["schedule"])
    if "fusion" in values:
        values["fusion"] = fusion_from(values["fusion"])
    return STAGES[kind](**values)


def learner_from(settings: dict[str, Any]) -> Learner:
    """The inverse of `Learner.settings`. Raises AtlasError for a name that no learner has."""
    values = dict(settings)
    learner = find_learner(values.pop("name"))
    for name in ("experience", "expansion", "schedule"):
        if values.get(name) is not None:
            values[name] = schedule_from(values[name])
    if "fusion" in values:
        values["fusion"] = fusion_from(values["fusion"])
    if "like" in values:
        values["like"] = learner_from({"name": TwoStage.name, **values["like"]})
    return learner(**values)


def fusion_from(values: dict[str, Any]) -> Fusion:
    """The inverse of `asdict` on a fusion."""
    return Fusion(**{**values, "weights": tuple(values["weights"])})
