from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import JsonValue
from safetensors.torch import save_file
from torch import Tensor, nn

from atlas.learners import Ewc, HeadOnly
from atlas.learners.divergence import Diverged, check_files, check_weights
from atlas.learners.evaluation import score
from atlas.learners.ewc import EwcHooks
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import Trainer
from atlas.steps.train import train_step
from atlas.storage.store import Store
from tests.small import SCHEDULE, World


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_named(value: float) -> None:
    module = nn.Linear(2, 3)
    check_weights(module, ProcessGroup())
    with torch.no_grad():
        module.bias[1] = value
    with pytest.raises(Diverged, match=r"the weights bias are not finite .* lower the learning rate"):
        check_weights(module, ProcessGroup())


def test_frozen_weights_are_not_looked_at() -> None:
    module = nn.Linear(2, 3).requires_grad_(False)
    module.bias.fill_(math.nan)
    check_weights(module, ProcessGroup())


def test_a_step_whose_last_update_spoils_its_weights_is_not_committed(
    small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of an update is that of the weights before it, and one in fifty is looked at."""
    update = Trainer.update

    def spoiling(trainer: Trainer, *given: Any) -> Tensor:
        loss = update(trainer, *given)
        if trainer.scheduler.last_epoch == 3:
            trainer.trained()[0][1].data.fill_(math.nan)
        return loss

    (step,) = small_world.walk("digits", learner=HeadOnly(schedule=replace(SCHEDULE, steps=3)))
    monkeypatch.setattr(Trainer, "update", spoiling)
    with pytest.raises(Diverged, match="are not finite after training"):
        train_step(step, small_world.worker_context, store)
    assert list(store.keys()) == []
    monkeypatch.undo()
    assert train_step(step, small_world.worker_context, store).updates == 3


def test_answers_of_logits_that_are_not_finite_have_no_score(small_world: World) -> None:
    model, data = small_world.model(), small_world.worker_context.data["digits"]
    model.ensure_head("digits", torch.Generator().manual_seed(0))
    assert 0 <= score(model, data, "val", limit=8, group=ProcessGroup()) <= 100
    next(model.heads["digits"].parameters()).data[0].fill_(math.nan)
    with pytest.raises(Diverged, match="the logits of 8 val records of digits are not finite"):
        score(model, data, "val", limit=8, group=ProcessGroup())


def test_a_step_whose_hooks_would_keep_what_is_not_finite_is_not_committed(
    small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step would load it, and fail in this one's place."""
    (step,) = small_world.walk("digits", learner=Ewc(schedule=SCHEDULE, records=2))
    end = EwcHooks.on_stage_end

    def spoiling(hooks: EwcHooks) -> dict[str, JsonValue]:
        kept = end(hooks)
        next(iter(hooks.fisher.values())).fill_(math.inf)
        return kept

    monkeypatch.setattr(EwcHooks, "on_stage_end", spoiling)
    with pytest.raises(Diverged, match=r"the tensor fisher/\S+ of fisher.safetensors is not finite"):
        train_step(step, small_world.worker_context, store)
    assert list(store.keys()) == []


@pytest.mark.parametrize("type_", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_files_of_finite_tensors_may_be_kept(tmp_path: Path, type_: torch.dtype) -> None:
    (tmp_path / "heads").mkdir()
    save_file({"one": torch.ones(3, dtype=type_)}, tmp_path / "heads" / "a.safetensors")
    check_files(tmp_path)


@pytest.mark.parametrize("type_", [torch.float32, torch.float16, torch.bfloat16])
def test_a_file_with_a_tensor_that_is_not_finite_is_named(tmp_path: Path, type_: torch.dtype) -> None:
    (tmp_path / "heads").mkdir()
    save_file(
        {"one": torch.ones(3), "two": torch.full((3,), math.nan, dtype=type_)}, tmp_path / "heads" / "a.safetensors"
    )
    with pytest.raises(Diverged, match="the tensor two of heads/a.safetensors is not finite"):
        check_files(tmp_path)
