"""The budget keeper's record of what is spent, where the disk does not take it."""

from __future__ import annotations

import errno

from atlas.execution.allowance import Allowance
from atlas.execution.status import BrokerStatus
from atlas.sweep.budget_keeper import BudgetKeeper
from atlas.sweep.spending import Spending


def test_a_record_that_cannot_be_written_is_noted_and_written_at_the_next_look() -> None:
    saved: list[Spending] = []
    allowed: list[Allowance] = []
    errors = [OSError(errno.EIO, "Input/output error")] * 2

    def save(spending: Spending) -> None:
        if errors:
            raise errors.pop()
        saved.append(spending)

    keeper = BudgetKeeper(
        budget=None,
        before=Spending(steps=3),
        gpus=0.0,
        step_seconds=0.0,
        allow=allowed.append,
        save=save,
        clock=lambda: 0.0,
    )
    status = BrokerStatus(born="first", trained=1)
    for _ in range(2):
        (note,) = keeper.look(status).notes
        assert note == "recording what the sweep has spent fails: [Errno 5] Input/output error"
    assert allowed[0] == Allowance()
    assert keeper.look(status).notes == ()
    assert saved == [Spending(steps=4)]
