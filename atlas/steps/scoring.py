"""The scores of a step: of the tasks that its model has learnt, or of an evaluation beyond these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlas.learners.evaluation import score
from atlas.storage.score_names import Split
from atlas.storage.step_result import Scores, SplitScores

if TYPE_CHECKING:
    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.hooks import PriorStep
    from atlas.steps.step import Step
    from atlas.steps.train import WorkerContext


def scores_of(
    model: ContinualModel, step: Step, worker_context: WorkerContext, finished: Sequence[PriorStep]
) -> Scores:
    """The scores of a model after `step`, in percent; `finished` are the last steps of the tasks before.

    Route `latest` scores every task of `step.scored`, route `own` those that were trained with the adapters of their
    own step, which are not scored again. An evaluation has none on route `own`, and may have some on route `free`.

    Raises:
        Diverged: a score is not finite.
    """
    latest = _latest(model, step, worker_context)
    if step.stage.evaluates:
        return Scores(latest=latest, free=_free(model, step, worker_context))
    inherited = finished[-1].result.scores.own if finished else SplitScores()
    own = {
        split: inherited.of(split) | {task: latest.of(split)[task] for task in step.learns}
        for split in step.evaluation.limits
    }
    return Scores(latest=latest, own=SplitScores(**own))


def _latest(model: ContinualModel, step: Step, worker_context: WorkerContext) -> SplitScores:
    found: dict[Split, dict[str, float]] = {}
    for split, limit in step.evaluation.limits.items():
        found[split] = {
            task: score(
                model,
                worker_context.data[task],
                split,
                limit=limit,
                group=worker_context.group,
                precision=step.stage.schedule.precision,
            )
            for task in step.scored
        }
    return SplitScores(**found)


def _free(model: ContinualModel, step: Step, worker_context: WorkerContext) -> SplitScores:
    if not step.label_space:
        return SplitScores()
    from atlas.learners.label_space import LabelSpace  # a part of the dual family

    data = [worker_context.data[task] for task in step.label_space]
    space = LabelSpace(model, data, step.stage.schedule.precision)
    found: dict[Split, dict[str, float]] = {
        split: {one.name: space.score(one.name, split, limit=limit, group=worker_context.group) for one in data}
        for split, limit in step.evaluation.limits.items()
    }
    return SplitScores(**found)
