from __future__ import annotations

from pathlib import Path

import torch

from atlas.learners import HeadStage
from atlas.learners.hooks import ReplayBatch, StageContext, StageHooks
from atlas.learners.process_group import ProcessGroup
from tests.small import SCHEDULE, World


def test_a_stage_remembers_nothing_unless_it_says_so(small_world: World, tmp_path: Path) -> None:
    model = small_world.model()
    context = StageContext(
        model=model, task="digits", data=small_world.worker_context.data, group=ProcessGroup(), seed=len
    )
    hooks = HeadStage(schedule=SCHEDULE).hooks(context)
    batch = small_world.worker_context.data["digits"].splits["val"].batch(torch.arange(2))
    assert type(hooks) is StageHooks
    assert (
        list(hooks.replay()),
        hooks.penalty(batch, model.backbone(batch.pixels, batch.tokens, batch.mask)),
        hooks.on_stage_end(),
    ) == ([], None, {})
    assert (list(hooks.validation_tasks), hooks.find_unused_parameters) == ([], False)
    hooks.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_draw_weighs_as_the_tasks_own_records_unless_it_says_so(small_world: World) -> None:
    assert ReplayBatch(data=small_world.worker_context.data["digits"], indices=torch.arange(3)).weight == 1.0
