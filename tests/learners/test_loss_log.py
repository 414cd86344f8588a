from __future__ import annotations

import math

import pytest
import torch

from atlas.learners.divergence import Diverged
from atlas.learners.loss_log import LossLog
from atlas.learners.process_group import ProcessGroup


def test_the_loss_of_a_cpu_is_there_at_once() -> None:
    losses: list[tuple[int, float]] = []
    log = LossLog(ProcessGroup(), losses)
    log.note(1, torch.tensor(0.5))
    assert losses == [(1, 0.5)]


def test_the_loss_of_a_gpu_is_read_when_the_next_is_noted() -> None:
    losses: list[tuple[int, float]] = []
    log = LossLog(ProcessGroup(device=torch.device("cuda")), losses)
    for update, loss in ((1, 0.5), (3, 0.25), (5, 0.125)):
        log.note(update, torch.tensor(loss))
    assert losses == [(1, 0.5), (3, 0.25)]
    log.flush()
    log.flush()
    assert losses == [(1, 0.5), (3, 0.25), (5, 0.125)]


def test_a_loss_that_changes_after_it_was_noted_is_kept_as_it_was() -> None:
    losses: list[tuple[int, float]] = []
    log, loss = LossLog(ProcessGroup(device=torch.device("cuda")), losses), torch.tensor(0.5)
    log.note(1, loss)
    loss.fill_(7.0)
    log.flush()
    assert losses == [(1, 0.5)]


def test_a_loss_that_is_not_finite_names_its_own_update() -> None:
    log = LossLog(ProcessGroup(device=torch.device("cuda")), [])
    log.note(4, torch.tensor(math.nan))
    with pytest.raises(Diverged, match="the loss became nan at update 4"):
        log.note(6, torch.tensor(0.5))
