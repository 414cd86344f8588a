"""The cost of one step, as it is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from atlas.learners.peak_memory import forget_peak, peak_memory
from atlas.learners.process_group import ProcessGroup
from atlas.storage.step_result import StepCost


@dataclass
class Stopwatch:
    """The times of one step, from its beginning, and its peak memory in the processes of a group."""

    group: ProcessGroup
    began: float = field(default_factory=time.time)
    _started: float = field(default_factory=time.perf_counter)
    _trained: float = 0.0

    def __post_init__(self) -> None:
        forget_peak(self.group.device)

    def stop_training(self) -> None:
        """Note that the training has ended; what follows is scoring."""
        self._trained = time.perf_counter()

    def cost(self, spent: float) -> StepCost:
        """The cost until now; `spent` are seconds of training before an interruption. Collective."""
        start, memory = self._started - spent, peak_memory(self.group)
        return StepCost(seconds=time.perf_counter() - start, learning=self._trained - start, memory=memory)
