"""The number of parameters that a learner's steps train, counted without training: each stage is begun, no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from atlas.learners import Learner
from atlas.learners.continual_model import ContinualModel
from atlas.steps.train import WorkerContext


@dataclass
class ParameterCounter:
    """Counts on the backbone and the tasks of a worker context.

    A step's number depends on its learner, its task and how many tasks were before it. Parameters that a stage's hooks
    add (old heads that LwF trains) are not counted: no more is known before a step is trained.
    """

    context: WorkerContext
    _counts: dict[tuple[str, int, str], int] = field(default_factory=dict)

    @property
    def backbone(self) -> int:
        """The number of the backbone's own parameters."""
        return sum(value.numel() for value in self.context.backbone.parameters())

    def trained(self, learner: Learner, order: Sequence[str]) -> int:
        """The most parameters that one step of an order trains."""
        name = json.dumps(learner.settings(), sort_keys=True, default=repr)
        places = [(name, place, task) for place, task in enumerate(order)]
        if any(place not in self._counts for place in places):
            self._count(learner, order, name)
        return max(self._counts[place] for place in places)

    def _count(self, learner: Learner, order: Sequence[str], name: str) -> None:
        model = self.context.empty_model()
        try:
            for place, task in enumerate(order):
                counts = [_begun(model, learner, place, task, stage) for stage in range(len(learner.stages(place)))]
                self._counts.setdefault((name, place, task), max(counts))
        finally:
            model.detach()


def _begun(model: ContinualModel, learner: Learner, place: int, task: str, number: int) -> int:
    """The parameters that are trained once a stage has begun."""
    stage = learner.given(learner.stages(place)[number])
    model.new_readout, model.towers = stage.readout, stage.towers
    stage.begin(model, task, torch.Generator().manual_seed(0))
    return sum(value.numel() for value in model.parameters() if value.requires_grad)
