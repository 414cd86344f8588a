"""Early stopping: keep the best state by the validation split, stop once it has not improved for a while."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from atlas.learners.schedule import Schedule


class Patience:
    """Watches one stage. Without a `patience` in the schedule it does nothing and costs nothing.

    `validate` scores the validation split, in percent.
    """

    def __init__(self, module: nn.Module, schedule: Schedule, validate: Callable[[], float]) -> None:
        self.module, self.schedule, self.validate = module, schedule, validate
        self.scores: list[tuple[int, float]] = []
        self._best: tuple[float, dict[str, Tensor]] | None = None
        self._since = 0

    def over(self, update: int) -> bool:
        """Validate if it is time, after `update` updates; True once patience is over."""
        if self.schedule.patience is None or update % self.schedule.evaluate_every:
            return False
        value = self.validate()
        self.scores.append((update, value))
        if self._best is None or value > self._best[0]:
            self._best = (value, {name: tensor.detach().clone() for name, tensor in self._trained()})
            self._since = 0
        else:
            self._since += 1
        return self._since >= self.schedule.patience

    def restore_best(self) -> None:
        """Put the best state seen back."""
        if self._best is not None:
            for name, tensor in self._trained():
                tensor.data.copy_(self._best[1][name])

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, value) for name, value in self.module.named_parameters() if value.requires_grad]
