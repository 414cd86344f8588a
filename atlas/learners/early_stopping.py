"""Early stopping: keep the best state by the validation split, stop once it has not improved for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from torch import Tensor, nn

from atlas.learners.schedule import Schedule
from atlas.learners.training_state import ValidationState


class EarlyStopping:
    """Early stopping of one stage. Without a `patience` in the schedule it does nothing and costs nothing.

    `validate` scores the validation split, in percent.
    """

    def __init__(self, module: nn.Module, schedule: Schedule, validate: Callable[[], float]) -> None:
        self.module, self.schedule, self.validate = module, schedule, validate
        self.scores: list[tuple[int, float]] = []
        self._best: tuple[float, dict[str, Tensor]] | None = None
        self._since_best = 0

    def should_stop(self, update: int) -> bool:
        """Validate if it is time, after `update` updates; True once patience is over."""
        if self.schedule.patience is None or update % self.schedule.evaluate_every:
            return False
        value = self.validate()
        self.scores.append((update, value))
        if self._best is None or value > self._best[0]:
            self._best = (value, {name: tensor.detach().clone() for name, tensor in self._trained()})
            self._since_best = 0
        else:
            self._since_best += 1
        return self._since_best >= self.schedule.patience

    def restore_best(self) -> None:
        """Put the best state seen back."""
        if self._best is not None:
            for name, tensor in self._trained():
                tensor.data.copy_(self._best[1][name])

    def state(self) -> ValidationState:
        """The validations so far, for a checkpoint."""
        return ValidationState(scores=self.scores, best=self._best and self._best[0], since=self._since_best)

    def best_weights(self) -> Iterator[tuple[str, Tensor]]:
        """The best state seen, by name; nothing before the first validation."""
        yield from self._best[1].items() if self._best else ()

    def load_state(self, state: ValidationState, best: Mapping[str, Tensor]) -> None:
        """Go on from what `state` and `best_weights` gave."""
        self.scores = [(update, value) for update, value in state.scores]
        self._since_best = state.since
        if state.best is not None:
            self._best = (state.best, {name: best[name].to(value.device) for name, value in self._trained()})

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, value) for name, value in self.module.named_parameters() if value.requires_grad]
