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

from atlas.data.few_shot import Shots
from atlas.learners import Learner, Stage, stage_from
from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import AtlasError

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
class StepInputs:
    """What the steps of a sweep have in common: the backbone's digest, each task's data fingerprint, the scoring."""

    backbone: str
    data: dict[str, str]
    evaluation: Evaluation = field(default_factory=Evaluation)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Learn `task` by `stage` on top of `parent` (None: on the bare backbone).

    `backbone` and `data` are digests of the weights and of the task's prepared data. `auxiliary` are further steps that
    this one builds on, one a task, whose order means nothing: they are sorted by task. `joint_tasks` are further tasks
    that this step learns together with `task`, each with the digest of its data, sorted by name. `shots` are the
    training records that it is learnt from (None: all). A `downstream` step learns a task that no order goes on from:
    it is scored on that task alone.
    """

    task: str
    stage: Stage
    seed: int
    backbone: str
    data: str
    evaluation: Evaluation = field(default_factory=Evaluation)
    parent: Step | None = None
    auxiliary: tuple[Step, ...] = ()
    joint_tasks: tuple[tuple[str, str], ...] = ()
    shots: Shots | None = None
    downstream: bool = False

    @cached_property
    def key(self) -> str:
        """The sha256 of everything that decides the step's result, in hexadecimal."""
        facts = {**self._facts(), "recipe": RECIPE, "parent": self.parent.key if self.parent else None}
        if self.auxiliary:
            facts["beside"] = [step.key for step in self.auxiliary]
        return text_sha256(json.dumps(facts, sort_keys=True))

    def random_seed(self, purpose: str) -> int:
        """A seed, in [0, 2^63), for one purpose of this step: the same whoever runs it, wherever."""
        digest = hashlib.sha256(f"{self.key}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    @property
    def builds_on(self) -> tuple[Step, ...]:
        """The steps that must be there before this one: those beside it, and its parent."""
        return (*self.auxiliary, *((self.parent,) if self.parent else ()))

    def chain(self) -> Iterator[Step]:
        """The steps that this one builds on, each once, what comes first first; itself last."""
        seen: dict[str, Step] = {}
        for earlier in self.builds_on:
            for step in earlier.chain():
                seen.setdefault(step.key, step)
        yield from seen.values()
        yield self

    @property
    def learns(self) -> tuple[str, ...]:
        """The tasks that this step itself learns: its own, last, and those learnt jointly with it."""
        return (*(name for name, _ in self.joint_tasks), self.task)

    @property
    def order(self) -> tuple[str, ...]:
        """The tasks learnt once this step is done, in order; where the order means nothing, by name."""
        return tuple(dict.fromkeys(task for step in self.chain() for task in step.learns))

    @property
    def scored(self) -> tuple[str, ...]:
        """The tasks that are scored once this step is done: all of the order where its last task is now learnt."""
        return self.order if self.stage.last and not self.downstream else (self.task,)

    @property
    def title(self) -> str:
        """The step in a few words: `digits (expansion) after easy-vqa`."""
        past = (", " if self.auxiliary else " > ").join(task for task in self.order if task not in self.learns)
        kind = self.stage.kind + (", untrained" if self.stage.schedule.steps == 0 else "")
        kind += f", {self.shots.describe()}" if self.shots else ""
        return f"{' + '.join(self.learns)} ({kind})" + (f" after {past}" if past else "")

    def describe(self) -> dict[str, Any]:
        """The step and all it builds on as plain JSON values; `step_from` is the inverse."""
        auxiliary = {"beside": [step.describe() for step in self.auxiliary]} if self.auxiliary else {}
        return {**self._facts(), **auxiliary, "parent": self.parent.describe() if self.parent else None}

    def _facts(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "stage": self.stage.settings(),
            "seed": self.seed,
            "backbone": self.backbone,
            "data": self.data,
            "evaluation": asdict(self.evaluation),
            "shots": asdict(self.shots) if self.shots else None,
            "downstream": self.downstream,
            **({"jointly": dict(self.joint_tasks)} if self.joint_tasks else {}),
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
        auxiliary=tuple(step_from(step) for step in facts.get("beside", ())),
        joint_tasks=tuple(sorted(facts.get("jointly", {}).items())),
        shots=Shots(**facts["shots"]) if facts["shots"] else None,
        downstream=facts["downstream"],
    )


def walk(order: tuple[str, ...], learner: Learner, seed: int, step_inputs: StepInputs) -> list[list[Step]]:
    """The steps of one walk along `order`: a list of stages for each task.

    A learner whose lineage is `sequence` builds each task on the one before; one whose lineage is `none` on nothing;
    one whose lineage is `set` on what its stages gather of the tasks seen, the same for all orders of them: the
    steps of the stage before, sorted by task, or the data of all tasks, the last of them by name being the step's.
    """
    steps: list[list[Step]] = []
    for position, task in enumerate(order):
        before = steps[-1][-1] if steps and learner.lineage == "sequence" else None
        stages: list[Step] = []
        for stage in learner.stages(position):
            newest, joint_tasks = task, tuple[tuple[str, str], ...]()
            if stage.gathers == "data":
                *others, newest = sorted(order[: position + 1])
                joint_tasks = tuple((name, step_inputs.data[name]) for name in others)
            auxiliary = [earlier[len(stages) - 1] for earlier in steps] if stage.gathers == "steps" else []
            stages.append(
                Step(
                    task=newest,
                    stage=stage,
                    seed=seed,
                    backbone=step_inputs.backbone,
                    data=step_inputs.data[newest],
                    evaluation=step_inputs.evaluation,
                    parent=stages[-1] if stages else before,
                    auxiliary=tuple(sorted(auxiliary, key=lambda step: step.task)),
                    joint_tasks=joint_tasks,
                )
            )
        steps.append(stages)
    return steps
