"""The scores of models that trials of a sweep trained on several tasks together."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.report.summary import JointScores
from atlas.steps.walk_result import WalkResult


def joint_scores(walked: Sequence[WalkResult]) -> tuple[JointScores, ...]:
    """The scores of models that trials trained on the tasks seen so far together; of several for the same tasks and
    seed the one that scores most on `val`."""
    found: dict[tuple[tuple[str, ...], int], JointScores] = {}
    for outcome in (one for one in walked if one.steps and one.steps[-1][-1].joint_tasks):
        for step in (stages[-1] for stages in outcome.steps if stages[-1].key in outcome.results):
            latest, tasks = outcome.results[step.key].scores.latest, tuple(sorted(step.learns))
            row = JointScores(tasks=tasks, seed=outcome.walk.seed, val=dict(latest.val), test=dict(latest.test))
            known = found.setdefault((tasks, outcome.walk.seed), row)
            if sum(row.val.values()) > sum(known.val.values()):
                found[tasks, outcome.walk.seed] = row
    return tuple(found.values())
