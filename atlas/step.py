"""The step: learn this task, after that prefix, with this stage and seed. The unit of everything.

A step is a frozen value; its key is a hash of all that decides its result. The same value is the job that a fleet
runs, the name of a folder in the store, a run in MLflow and a row of the accuracy matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from atlas.errors import AtlasError
from atlas.learners import Learner, Stage, stage_from

RECIPE = 2
"""Raised by hand whenever the arithmetic changes, so that old results are not taken for new ones."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How many records of a split score a task, at the most (a seeded draw); None takes all of them."""

    val: int | None = None
    test: int | None = None

    def __post_init__(self) -> None:
        for split, count in asdict(self).items():
            if count is not None and count < 1:
                raise AtlasError(f"evaluation takes {count} records of {split}; give 1 or more, or None for all.")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the steps of a sweep have in common: the backbone's digest, each task's data fingerprint, the scoring."""

    backbone: str
    data: dict[str, str]
    evaluation: Evaluation = field(default_factory=Evaluation)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Learn `task` by `stage` on top of `parent` (None: on the bare backbone).

    `backbone` and `data` are digests of the weights and of the task's prepared data.
    """

    task: str
    stage: Stage
    seed: int
    backbone: str
    data: str
    evaluation: Evaluation = field(default_factory=Evaluation)
    parent: Step | None = None

    @cached_property
    def key(self) -> str:
        """The sha256 of everything that decides the step's result, in hexadecimal."""
        facts = {**self._facts(), "recipe": RECIPE, "parent": self.parent.key if self.parent else None}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def random_seed(self, purpose: str) -> int:
        """A seed, in [0, 2^63), for one purpose of this step: the same whoever runs it, wherever."""
        digest = hashlib.sha256(f"{self.key}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def chain(self) -> Iterator[Step]:
        """The steps that this one builds on, the oldest first, itself last."""
        if self.parent is not None:
            yield from self.parent.chain()
        yield self

    @property
    def order(self) -> tuple[str, ...]:
        """The tasks learnt once this step is done, in order."""
        return tuple(dict.fromkeys(step.task for step in self.chain()))

    @property
    def title(self) -> str:
        """The step in a few words: `digits (expansion) after easy-vqa`."""
        past = " > ".join(self.order[:-1])
        kind = self.stage.kind + (", untrained" if self.stage.schedule.steps == 0 else "")
        return f"{self.task} ({kind})" + (f" after {past}" if past else "")

    def describe(self) -> dict[str, Any]:
        """The step and all it builds on as plain JSON values; `step_from` is the inverse."""
        return {**self._facts(), "parent": self.parent.describe() if self.parent else None}

    def _facts(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "stage": self.stage.settings(),
            "seed": self.seed,
            "backbone": self.backbone,
            "data": self.data,
            "evaluation": asdict(self.evaluation),
        }


def step_from(facts: dict[str, Any]) -> Step:
    """The step that `Step.describe` described."""
    parent = facts["parent"]
    return Step(
        task=facts["task"],
        stage=stage_from(facts["stage"]),
        seed=facts["seed"],
        backbone=facts["backbone"],
        data=facts["data"],
        evaluation=Evaluation(**facts["evaluation"]),
        parent=step_from(parent) if parent else None,
    )


def walk(order: tuple[str, ...], learner: Learner, seed: int, around: Surroundings) -> list[list[Step]]:
    """The steps of one walk along `order`: a list of stages for each task.

    A learner whose lineage is `sequence` builds each task on the one before; one whose lineage is `none` on nothing.
    """
    steps: list[list[Step]] = []
    parent: Step | None = None
    for position, task in enumerate(order):
        if learner.lineage != "sequence":
            parent = None
        stages: list[Step] = []
        for stage in learner.stages(position):
            parent = Step(
                task=task,
                stage=stage,
                seed=seed,
                backbone=around.backbone,
                data=around.data[task],
                evaluation=around.evaluation,
                parent=parent,
            )
            stages.append(parent)
        steps.append(stages)
    return steps
