from __future__ import annotations

from atlas.sweep.joint_scores import joint_scores
from atlas.sweep.summary import FinishedSweep


def test_walks_that_trained_one_task_after_another_have_none(ended: FinishedSweep) -> None:
    assert joint_scores([one for record in ended.trials for one in ended.outcomes(record)]) == ()
