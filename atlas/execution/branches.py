"""Where schedules of several lengths share their updates: training states in the store, from which longer ones go on.

    <root>/<scope>/underway/steps/…/<longest key>-<updates>-a/…     as a checkpoint

They stay after the step, for the lengths that come later, until they are collected once no sweep is unfinished
(`atlas store collect`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from atlas.learners.base import Stage
from atlas.learners.training_state import Checkpoints, TrainingState
from atlas.steps.step import Step


@dataclass
class BranchStore(Checkpoints):
    """The checkpoints of a step (`own`), and its states after the updates that it shares with others (`shared`).

    A step without one of its own goes on from the latest shared one. Shared states are saved when they are reached;
    whether they were there already makes no difference to the result.
    """

    own: Checkpoints
    shared: Mapping[int, Checkpoints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._own_is_due = False

    def load(self) -> TrainingState | None:
        if (found := self.own.load()) is not None:
            return found
        states = (self.shared[update].load() for update in sorted(self.shared, reverse=True))
        found = next((state for state in states if state is not None), None)
        self.continued_at = found.progress.updates if found else 0
        return found

    def due(self, update: int) -> bool:
        """Collective, as that of its own checkpoints is."""
        self._own_is_due = self.own.due(update)
        return self._own_is_due or update in self.shared

    def save(self, training_state: TrainingState) -> None:
        if self._own_is_due:
            self.own.save(training_state)
        if (branch := self.shared.get(training_state.progress.updates)) is not None:
            branch.save(training_state)

    def finish(self) -> None:
        self.own.finish()

    @property
    def resumed_at(self) -> Sequence[int]:  # type: ignore[override]
        """Of its own checkpoints: going on from a shared state is no interruption."""
        return self.own.resumed_at

    @property
    def spent(self) -> float:  # type: ignore[override]
        """Of its own checkpoints: what was spent on a shared state is another step's."""
        return self.own.spent

    @property
    def workers_changed(self) -> Sequence[int]:
        return self.own.workers_changed


def with_branches(own: Checkpoints, step: Step, of: Callable[[str], Checkpoints]) -> Checkpoints:
    """The checkpoints of a step, with the states that its schedule shares; `of` gives the checkpoints of a key.

    A stage with hooks or code of its own shares none: it may count its updates.
    """
    schedule, counts = step.stage.schedule, bool(step.stage.source) or type(step.stage).hooks is not Stage.hooks
    if not schedule.branches or schedule.steps is None or counts:
        return own
    lengths = [length for length in schedule.branches if length <= schedule.steps]
    return BranchStore(own, {length: of(f"{step.longest_key}-{length}") for length in lengths})
