"""A step: training of one task after a prefix of tasks, by one stage with one seed. The unit of everything.

A step is a frozen value; its key is a hash of everything that decides its result. The same value is the job that a
fleet runs, the name of an artifact in the store, a run in MLflow and a row of the accuracy matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

from atlas.data.few_shot import Shots
from atlas.learners import EvaluationStage, Stage, stage_from
from atlas.learners.frozen_type import type_beside
from atlas.learners.readouts import COMPARING
from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted

if TYPE_CHECKING:
    from atlas.cluster.options import Weights
    from atlas.storage.score_names import Split
    from atlas.storage.step_result import ShotsDescription, StepDescription

Templates = tuple[tuple[str, tuple[str, ...]], ...]  # task, its sentences for the names of its classes
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
                raise UserError(
                    f"evaluation takes {counted(count, 'record')} of {split}; give 1 or more, or None for all."
                )

    @property
    def limits(self) -> dict[Split, int | None]:
        """The most records by split."""
        return {"val": self.val, "test": self.test}

    @cached_property
    def as_json(self) -> str:
        """The two numbers as JSON: the evaluation's part of a step's key."""
        return _json(asdict(self))


@dataclass(frozen=True, kw_only=True)
class StepInputs:
    """The inputs common to a sweep's steps: the backbone's digest, each task's data fingerprint, the evaluation.

    `templates`: those of tasks whose classes are compared with pictures by others than the usual ones. `revisions`:
    tower of the backbone → the revision of the arithmetic of adapters in it; 0 for one that is not named. `weights`:
    the type of the backbone's frozen weights that is asked for.
    """

    backbone: str
    data: dict[str, str]
    evaluation: Evaluation = field(default_factory=Evaluation)
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    weights: Weights = "auto"

    def templates_for(self, readout: str, tasks: Iterable[str]) -> Templates:
        """The templates of these tasks that a readout makes use of, sorted by task."""
        found = sorted(set(tasks) & self.templates.keys()) if readout in COMPARING else ()
        return tuple((task, self.templates[task]) for task in found)

    def read_by(self, stage: Stage) -> tuple[tuple[str, str], ...]:
        """The tasks whose records a stage reads and does not learn, each with the digest of its data."""
        return tuple((task, self.data[task]) for task in stage.reads)

    def revision_of(self, stage: Stage) -> int:
        """The revision of the arithmetic of a stage: of the towers in which it weighs adapters."""
        towers = (stage.towers or tuple(self.revisions)) if stage.weighs else ()
        return sum(self.revisions.get(tower, 0) for tower in towers)

    def weights_of(self, stage: Stage) -> Weights | Literal[""]:
        """The type of the frozen weights, where it is not the usual one of the precision of a stage; else ""."""
        return type_beside(stage.schedule.precision, self.weights)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Training of `task` by `stage` on top of `parent` (None: on the bare backbone).

    `backbone` and `data` are digests of the weights and of the task's prepared data. `auxiliary` are further steps that
    this one builds on, one a task, in no order: they are sorted by task. `joint_tasks` are further tasks that this step
    trains together with `task`, or whose data an evaluation takes, each with the digest of its data, sorted by name.
    `shots` are the training records that it uses (None: all). No order continues from a `downstream` step: it is scored
    on its own task alone.
    `templates` are those of its tasks that its readout compares pictures with, where they are not the usual ones.
    `reads` are further tasks whose records it reads and does not learn, each with the digest of its data.
    `revision`: how often the arithmetic that decides it was changed for its backbone's family and stage; 0: never.
    `weights`: the type of the backbone's frozen weights, where it is not the usual one of its precision.
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
    templates: Templates = ()
    revision: int = 0
    reads: tuple[tuple[str, str], ...] = ()
    weights: Weights | Literal[""] = ""

    @cached_property
    def key(self) -> str:
        """sha256 of everything that decides the step's result, in hexadecimal.

        It is the digest of one JSON object, sorted by name, in which the steps below stand by their keys.
        """
        decisive = {
            "backbone": _json(self.backbone),
            **({"beside": _json([step.key for step in self.auxiliary])} if self.auxiliary else {}),
            "data": _json(self.data),
            "downstream": _json(self.downstream),
            "evaluation": self.evaluation.as_json,
            **({"jointly": _json(dict(self.joint_tasks))} if self.joint_tasks else {}),
            "parent": _json(self.parent.key if self.parent else None),
            **({"reads": _json(dict(self.reads))} if self.reads else {}),
            "recipe": _json(RECIPE),
            **({"revision": _json(self.revision)} if self.revision else {}),
            "seed": _json(self.seed),
            "shots": _json(describe_shots(self.shots)),
            "stage": self.stage.settings_json,
            "task": _json(self.task),
            **({"templates": _json(dict(self.templates))} if self.templates else {}),
            **({"weights": _json(self.weights)} if self.weights else {}),
        }
        return text_sha256("{" + ", ".join(f'"{name}": {text}' for name, text in decisive.items()) + "}")

    @cached_property
    def longest_key(self) -> str:
        """The key of this step at the longest of the schedules that share their updates: often its own."""
        schedule = self.stage.schedule
        if schedule.longest == schedule:
            return self.key
        return replace(self, stage=replace(self.stage, schedule=schedule.longest)).key

    def random_seed(self, purpose: str) -> int:
        """A seed, in [0, 2^63), for one purpose of this step: the same on every machine, and for all lengths alike."""
        digest = hashlib.sha256(f"{self.longest_key}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    @property
    def builds_on(self) -> tuple[Step, ...]:
        """The steps that must be finished before this one: the auxiliary ones and its parent."""
        return (*self.auxiliary, *((self.parent,) if self.parent else ()))

    def chain(self) -> Iterator[Step]:
        """The steps that this one builds on, directly or not, in order of training; itself last."""
        chain: dict[str, Step] = {}
        self._append_to(chain)
        yield from chain.values()

    def _append_to(self, chain: dict[str, Step]) -> None:
        """Append the steps of this one's chain that are not in `chain` yet."""
        for earlier in self.builds_on:
            if earlier.key not in chain:
                earlier._append_to(chain)
        chain[self.key] = self

    @property
    def learns(self) -> tuple[str, ...]:
        """The tasks that this step itself trains, or evaluates: the joint ones, and its own last."""
        return (*(name for name, _ in self.joint_tasks), self.task)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The tasks trained once this step is finished, in order; by name where there is no order."""
        known = self.parent.order if self.parent and not self.auxiliary else ()
        if self.stage.evaluates:
            return known
        if known and known[-1:] == self.learns:  # a later stage of the same task
            return known
        tasks = (*(task for step in self.builds_on for task in step.order), *self.learns)
        return tuple(dict.fromkeys(tasks))

    @property
    def templates_by_task(self) -> dict[str, tuple[str, ...]]:
        """The templates of this step's tasks and of all that it builds on."""
        return dict(one for step in self.chain() for one in step.templates)

    @property
    def scored(self) -> tuple[str, ...]:
        """The tasks that are scored after this step: the whole order after a task's last stage, else its own.

        Of an evaluation those to come, on route `latest`; of the bare backbone none, whose scores are references.
        """
        if self.stage.evaluates:
            return tuple(sorted(set(self.learns) - set(self.order))) if self.parent else ()
        return self.order if self.stage.last and not self.downstream else (self.task,)

    @property
    def label_space(self) -> tuple[str, ...]:
        """The tasks that are scored on route `free`, where their classes compete."""
        return self.stage.label_space if isinstance(self.stage, EvaluationStage) else ()

    @property
    def title(self) -> str:
        """The step in a few words: `digits (expansion) after easy-vqa`."""
        seen = [task for task in self.order if self.stage.evaluates or task not in self.learns]
        past = (", " if self.auxiliary else " > ").join(seen)
        trained = self.stage.schedule.steps != 0 or self.stage.closed_form or self.stage.evaluates
        kind = self.stage.kind + ("" if trained else ", untrained")
        kind += f", {self.shots.describe()}" if self.shots else ""
        return f"{' + '.join(self.learns)} ({kind})" + (f" after {past}" if past else "")

    def describe(self) -> StepDescription:
        """The step and all that it builds on as plain JSON values; `step_from` is the inverse."""
        described = self._own()
        if self.auxiliary:
            described["beside"] = [step.describe() for step in self.auxiliary]
        described["parent"] = self.parent.describe() if self.parent else None
        return described

    def __getstate__(self) -> dict[str, object]:
        """The fields, and the key once it is known: what else was computed is computed again."""
        kept = ("key",) if "key" in vars(self) else ()
        return {name: getattr(self, name) for name in (*(field.name for field in fields(self)), *kept)}

    def _own(self) -> StepDescription:
        """The description without the steps that it builds on."""
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
        if self.reads:
            own["reads"] = dict(self.reads)
        if self.revision:
            own["revision"] = self.revision
        if self.templates:
            own["templates"] = {task: list(texts) for task, texts in self.templates}
        if self.weights:
            own["weights"] = self.weights
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
        templates=tuple((task, tuple(texts)) for task, texts in sorted(description.get("templates", {}).items())),
        revision=description.get("revision", 0),
        reads=tuple(sorted(description.get("reads", {}).items())),
        weights=cast("Weights", description.get("weights", "")),
    )


def describe_shots(shots: Shots | None) -> ShotsDescription | None:
    """Shots as plain JSON values; `Shots(**description)` is the inverse."""
    if shots is None:
        return None
    return {"count": shots.count, "fraction": shots.fraction, "per_class": shots.per_class}


_json = json.JSONEncoder(sort_keys=True).encode
