"""The scores of a step: of the tasks that its model has learnt, or of an evaluation beyond these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas.learners.evaluation import score
from atlas.storage.score_names import Split
from atlas.storage.step_result import Scores, SplitScores

if TYPE_CHECKING:
    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.hooks import PriorStep
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.task_data import TaskData
    from atlas.steps.step import Step


def scores_of(
    model: ContinualModel,
    step: Step,
    data: Mapping[str, TaskData],
    group: ProcessGroup,
    finished: Sequence[PriorStep],
) -> Scores:
    """The scores of a model after `step`, in percent; `finished` are the last steps of the tasks before.

    Route `latest` scores every task of `step.scored`, route `own` those that were trained with the adapters of their
    own step, which are not scored again. An evaluation has none on route `own`, and may have some on route `free`.

    Raises:
        Diverged: a score is not finite.
    """
    latest = _latest(model, step, data, group)
    if step.stage.evaluates:
        return Scores(latest=latest, free=_free(model, step, data, group))
    inherited = finished[-1].result.scores.own if finished else SplitScores()
    learnt = () if step.stage.told_before else step.learns
    own = {
        split: inherited.of(split) | {task: latest.of(split)[task] for task in learnt}
        for split in step.evaluation.limits
    }
    return Scores(latest=latest, own=SplitScores(**own))


def _latest(model: ContinualModel, step: Step, data: Mapping[str, TaskData], group: ProcessGroup) -> SplitScores:
    precision, found = step.stage.schedule.precision, dict[Split, dict[str, float]]()
    for split, limit in step.evaluation.limits.items():
        found[split] = {
            task: score(model, data[task], split, limit=limit, group=group, precision=precision) for task in step.scored
        }
    return SplitScores(**found)


def _free(model: ContinualModel, step: Step, data: Mapping[str, TaskData], group: ProcessGroup) -> SplitScores:
    if not step.label_space:
        return SplitScores()
    from atlas.learners.label_space import LabelSpace  # a part of the dual family

    answers = {task: data[task].answers for task in step.label_space}
    space, found = LabelSpace(model, answers, step.stage.schedule.precision), dict[Split, dict[str, float]]()
    for split, limit in step.evaluation.limits.items():
        found[split] = {task: space.score(data[task], split, limit=limit, group=group) for task in answers}
    return SplitScores(**found)
