"""Early stopping: keep the best state by the validation split, stop once it has not improved for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from atlas.learners.schedule import Schedule


class EarlyStopping:
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

    def facts(self) -> dict[str, Any]:
        """What it has seen, as plain JSON values: the scores, the best of them, and how many came since."""
        return {"scores": self.scores, "best": self._best and self._best[0], "since": self._since}

    def best(self) -> Iterator[tuple[str, Tensor]]:
        """The best state seen, by name; nothing before the first validation."""
        yield from self._best[1].items() if self._best else ()

    def resume(self, facts: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        """Go on from what `facts` and `best` gave."""
        self.scores = [(update, value) for update, value in facts["scores"]]
        self._since = facts["since"]
        if facts["best"] is not None:
            self._best = (facts["best"], {name: best[name].to(value.device) for name, value in self._trained()})

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, value) for name, value in self.module.named_parameters() if value.requires_grad]
