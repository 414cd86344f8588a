"""CLiMB's transfers (Srinivasan et al., 2022): ratios over what lies above chance, undefined where nothing does."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.metrics.metric import Metric, OrderScores
from atlas.metrics.value import ONE_TASK, MetricValue, Undefined, mean

MARGIN = 1.0  # points above chance that a denominator must have


def forgetting_transfer(initial: float, later: float, chance: float) -> MetricValue:
    """T_F(j←i) = 100 · (S_j - S_{j←i}) / (S_j - S_R), in percent (CLiMB, Srinivasan et al., 2022).

    `initial` S_j is the score on j right after training it, `later` S_{j←i} after training i. 0 is nothing forgotten,
    100 back at chance.
    """
    return _over_chance(initial - later, initial, chance, "the initial score")


def upstream_knowledge_transfer(score: float, single_task: float, chance: float) -> MetricValue:
    """T_UK(i) = 100 · (S_i - S_PT) / (S_PT - S_R), in percent; S_PT: the task trained alone (CLiMB, 2022)."""
    return _over_chance(score - single_task, single_task, chance, "the single-task score")


def low_shot_transfer(score: float, from_backbone: float, chance: float) -> MetricValue:
    """T_LS = 100 · (S_LS - S_LS,PT) / (S_LS,PT - S_R), in percent, on few-shot scores (CLiMB, 2022).

    `score`: few-shot, initialised from the upstream model; `from_backbone`: the same from the bare backbone.
    """
    return _over_chance(score - from_backbone, from_backbone, chance, "the few-shot score from the backbone")


def _over_chance(difference: float, reference: float, chance: float, name: str) -> MetricValue:
    """100 · difference / (reference - chance), guarded where the reference is not clearly above chance."""
    if not reference - chance >= MARGIN:
        return Undefined(f"{name} ({reference:.1f}) is not at least {MARGIN:g} point above chance ({chance:.1f})")
    return float(100 * difference / (reference - chance))


def _forgetting(scores: OrderScores) -> MetricValue:
    """The mean over the tasks trained before the last."""
    if scores.chance is None or scores.single_task is None:
        return Undefined("no adapter was trained alone")
    last, R = scores.seen - 1, scores.R
    return _mean_defined([forgetting_transfer(R[j, j], R[last, j], scores.chance[j]) for j in range(last)])


def _upstream(scores: OrderScores) -> MetricValue:
    """The mean over the tasks after the first."""
    if scores.chance is None or scores.single_task is None:
        return Undefined("no adapter was trained alone")
    return _mean_defined(
        [
            upstream_knowledge_transfer(scores.R[j, j], alone, scores.chance[j])
            for j, alone in enumerate(scores.single_task[: scores.seen])
            if j > 0 and alone is not None
        ]
    )


def _mean_defined(values: Sequence[MetricValue]) -> MetricValue:
    """The mean of those that are defined; the first reason where none is."""
    defined = [value for value in values if not isinstance(value, Undefined)]
    if defined:
        return mean(defined)
    return values[0] if values else Undefined(ONE_TASK)


METRICS = (
    Metric(
        formula=forgetting_transfer,
        compute=_forgetting,
        title="Forgetting transfer",
        unit="%",
        better="lower",
        shown=frozenset({"tracking", "table"}),
    ),
    Metric(
        formula=upstream_knowledge_transfer,
        compute=_upstream,
        title="Upstream knowledge transfer",
        unit="%",
        better="higher",
        across_tasks=True,
        shown=frozenset({"tracking", "table"}),
    ),
)
