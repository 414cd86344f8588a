"""Few-shot training of a downstream task after an order: from M_T, or from the bare M_0 (METHOD, 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from atlas.learners.base import Stage
from atlas.learners.reference import HeadStage
from atlas.learners.two_stage import Experience, TwoStage
from atlas.runtime.errors import unknown

Way = Literal["experience", "both", "head"]
WAYS: tuple[Way, ...] = get_args(Way)


def downstream_stages(like: TwoStage, way: Way, *, bare: bool) -> tuple[Stage, ...]:
    """The stages by which a downstream task is trained, with the schedules and the adapter of `like`.

    `experience`: queries over the frozen adapters and a head; on the `bare` backbone, which has no adapters, the head
    in their place. `both`: the same step, then one new adapter. `head`: the head alone, with as many updates as `both`.

    Raises UserError for an unknown way.
    """
    if way not in WAYS:
        raise unknown("downstream way", way, WAYS)
    schedule, fusion = like.experience or like.expansion, like.fusion
    if way == "head":
        return (HeadStage(schedule=like.expansion.times(2)),)
    first: Stage = HeadStage(schedule=schedule) if bare else Experience(schedule=schedule, fusion=fusion, last=True)
    if way == "experience":
        return (first,)
    return (first, replace(like, experience=schedule).stages(position=0 if bare else 1)[-1])
