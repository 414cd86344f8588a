"""A step: training of one task after a prefix of tasks, by one stage with one seed. The unit of everything.

A step is a frozen value; its key is a hash of everything that decides its result. The same value is the job that a
fleet runs, the name of an artifact in the store, a run in MLflow and a row of the accuracy matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from atlas.data.few_shot import Shots
from atlas.learners import Learner, Stage, stage_from
from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    from atlas.storage.step_result import ShotsDescription, StepDescription

RECIPE = 2
"""Part of every key; incremented by hand whenever the arithmetic changes, so that old results are not reused."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The most records of a split that score a task (a seeded draw); None takes all of them."""

    val: int | None = None
    test: int | None = None

    def __post_init__(self) -> None:
        for split, count in asdict(self).items():
            if count is not None and count < 1:
                raise UserError(f"evaluation takes {count} records of {split}; give 1 or more, or None for all.")


@dataclass(frozen=True, kw_only=True)
class StepInputs:
    """The inputs common to a sweep's steps: the backbone's digest, each task's data fingerprint, the evaluation."""

    backbone: str
    data: dict[str, str]
    evaluation: Evaluation = field(default_factory=Evaluation)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Training of `task` by `stage` on top of `parent` (None: on the bare backbone).

    `backbone` and `data` are digests of the weights and of the task's prepared data. `auxiliary` are further steps that
    this one builds on, one a task, in no order: they are sorted by task. `joint_tasks` are further tasks that this step
    trains together with `task`, each with the digest of its data, sorted by name. `shots` are the training records
    that it uses (None: all). No order continues from a `downstream` step: it is scored on its own task alone.
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
        """sha256 of everything that decides the step's result, in hexadecimal."""
        auxiliary = {"beside": [step.key for step in self.auxiliary]} if self.auxiliary else {}
        decisive = {**self._own(), **auxiliary, "recipe": RECIPE, "parent": self.parent.key if self.parent else None}
        return text_sha256(json.dumps(decisive, sort_keys=True))

    def random_seed(self, purpose: str) -> int:
        """A seed, in [0, 2^63), for one purpose of this step: the same on every machine."""
        digest = hashlib.sha256(f"{self.key}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    @property
    def builds_on(self) -> tuple[Step, ...]:
        """The steps that must be finished before this one: the auxiliary ones and its parent."""
        return (*self.auxiliary, *((self.parent,) if self.parent else ()))

    def chain(self) -> Iterator[Step]:
        """The steps that this one builds on, directly or not, in order of training; itself last."""
        seen: dict[str, Step] = {}
        for earlier in self.builds_on:
            for step in earlier.chain():
                seen.setdefault(step.key, step)
        yield from seen.values()
        yield self

    @property
    def learns(self) -> tuple[str, ...]:
        """The tasks that this step itself trains: the joint ones, and its own last."""
        return (*(name for name, _ in self.joint_tasks), self.task)

    @property
    def order(self) -> tuple[str, ...]:
        """The tasks trained once this step is finished, in order; by name where there is no order."""
        return tuple(dict.fromkeys(task for step in self.chain() for task in step.learns))

    @property
    def scored(self) -> tuple[str, ...]:
        """The tasks that are scored after this step: the whole order after a task's last stage, else its own."""
        return self.order if self.stage.last and not self.downstream else (self.task,)

    @property
    def title(self) -> str:
        """The step in a few words: `digits (expansion) after easy-vqa`."""
        past = (", " if self.auxiliary else " > ").join(task for task in self.order if task not in self.learns)
        kind = self.stage.kind + (", untrained" if self.stage.schedule.steps == 0 else "")
        kind += f", {self.shots.describe()}" if self.shots else ""
        return f"{' + '.join(self.learns)} ({kind})" + (f" after {past}" if past else "")

    def describe(self) -> StepDescription:
        """The step and all that it builds on as plain JSON values; `step_from` is the inverse."""
        described = self._own()
        if self.auxiliary:
            described["beside"] = [step.describe() for step in self.auxiliary]
        described["parent"] = self.parent.describe() if self.parent else None
        return described

    def _own(self) -> StepDescription:
        """The description without the steps that it builds on. The keys of this JSON go into the step's key."""
        own: StepDescription = {
            "task": self.task,
            "stage": self.stage.settings(),
            "seed": self.seed,
            "backbone": self.backbone,
            "data": self.data,
            "evaluation": asdict(self.evaluation),
            "shots": describe_shots(self.shots),
            "downstream": self.downstream,
            "parent": None,
        }
        if self.joint_tasks:
            own["jointly"] = dict(self.joint_tasks)
        return own


def step_from(description: StepDescription) -> Step:
    """The step of `Step.describe`."""
    parent, shots = description["parent"], description["shots"]
    return Step(
        task=description["task"],
        stage=stage_from(description["stage"]),
        seed=description["seed"],
        backbone=description["backbone"],
        data=description["data"],
        evaluation=Evaluation(**description["evaluation"]),
        parent=step_from(parent) if parent else None,
        auxiliary=tuple(step_from(step) for step in description.get("beside", ())),
        joint_tasks=tuple(sorted(description.get("jointly", {}).items())),
        shots=Shots(**shots) if shots else None,
        downstream=description["downstream"],
    )


def describe_shots(shots: Shots | None) -> ShotsDescription | None:
    """Shots as plain JSON values; `Shots(**description)` is the inverse."""
    if shots is None:
        return None
    return {"count": shots.count, "fraction": shots.fraction, "per_class": shots.per_class}


def walk(order: tuple[str, ...], learner: Learner, seed: int, step_inputs: StepInputs) -> list[list[Step]]:
    """The steps of one walk along `order`: a list of stages for each task.

    By a learner's lineage: `sequence` builds each task on the one before; `none` on nothing; `set` on what its stages
    gather of the tasks seen, which is the same for all orders of them: the steps of the stage before, sorted by task,
    or the data of all tasks, of which the last by name is the step's own.
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
