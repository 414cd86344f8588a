from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from atlas.learners import Schedule
from atlas.learners.early_stopping import EarlyStopping


def watched(scores: Sequence[float], **schedule: int) -> tuple[nn.Linear, EarlyStopping]:
    module, left = nn.Linear(1, 1), iter(scores)
    return module, EarlyStopping(module, Schedule(**schedule), lambda: next(left))  # type: ignore[arg-type]


def walk_on(module: nn.Linear, patience: EarlyStopping, updates: int) -> int:
    """Set the weight to the number of the update, until patience is over; gives the last update."""
    for update in range(1, updates + 1):
        module.weight.data.fill_(update)
        if patience.should_stop(update):
            return update
    return updates


def test_without_patience_nothing_is_validated() -> None:
    module, patience = watched([])
    assert walk_on(module, patience, 300) == 300
    patience.restore_best()
    assert module.weight.item() == 300


def test_it_ends_once_the_score_has_not_risen_so_often_and_restores_the_best() -> None:
    module, patience = watched([10, 30, 30, 20, 50], patience=2, evaluate_every=2)
    assert walk_on(module, patience, 100) == 8
    patience.restore_best()
    assert module.weight.item() == 4
    assert patience.scores == [(2, 10), (4, 30), (6, 30), (8, 20)]


def test_a_rise_starts_the_waiting_anew() -> None:
    module, patience = watched([10, 5, 20, 15, 15], patience=2, evaluate_every=1)
    assert walk_on(module, patience, 100) == 5
    patience.restore_best()
    assert module.weight.item() == 3


def test_frozen_parameters_are_left_alone() -> None:
    module, patience = watched([10], patience=1, evaluate_every=1)
    module.weight.requires_grad_(False)
    patience.should_stop(1)
    with torch.no_grad():
        module.weight.fill_(7)
        module.bias.fill_(7)
    patience.restore_best()
    assert module.weight.item() == 7
    assert module.bias.item() != 7
