from __future__ import annotations

from pathlib import Path

import torch

from atlas.learners import HeadStage
from atlas.learners.hooks import Draw, Lesson, Recall
from atlas.learners.process_group import Group
from tests.small import SCHEDULE, World


def test_a_stage_remembers_nothing_unless_it_says_so(small_world: World, tmp_path: Path) -> None:
    stack = small_world.stack()
    lesson = Lesson(stack=stack, task="digits", data=small_world.bench.data, group=Group(), seed=len)
    recall = HeadStage(schedule=SCHEDULE).recall(lesson)
    batch = small_world.bench.data["digits"].splits["val"].batch(torch.arange(2))
    assert type(recall) is Recall
    assert (list(recall.rehearse()), recall.penalty(batch, stack.pool(batch)), recall.conclude()) == ([], None, {})
    assert (list(recall.judged), recall.partly) == ([], False)
    recall.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_draw_weighs_as_the_tasks_own_records_unless_it_says_so(small_world: World) -> None:
    assert Draw(data=small_world.bench.data["digits"], indices=torch.arange(3)).weight == 1.0
