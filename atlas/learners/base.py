"""The learner and stage interfaces: a learner gives, for every position of an order, the stages of its task."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from atlas.learners.hooks import StageContext, StageHooks
from atlas.learners.readouts import HEAD
from atlas.learners.schedule import Precision, Schedule
from atlas.learners.settings import UNSAID, settings_of
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue

    from atlas.learners.continual_model import ContinualModel

Lineage = Literal["sequence", "set", "none"]
Gathers = Literal["nothing", "steps", "data"]


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One stage of training one task: a value that holds all settings that decide its result, and nothing else.

    `last` marks a task's last stage: every task seen so far is scored after it, otherwise the newest alone. `gathers`
    is for the lineage `set`: the part of the earlier tasks that the stage takes in, in no order: the result of the
    stage before for each of them (`steps`), or their `data`, to be trained on jointly. `replaces`: its result stands
    in for that of the step before (a changed backbone, a shared adapter), of which only the heads are needed then.
    `replays`: each update adds a batch of earlier tasks to the task's own. `closed_form`: it is solved at its end, and
    its schedule has no updates. `evaluates`: it scores a model, and trains and keeps nothing. `told_before`: its
    task was trained and scored by the stage before, whose scores are those of route `own`. `by_task`: its model answers
    only records whose task is told. `readout`: how its task answers, a name of READOUTS. `towers`: the encoders
    in which it adds adapters (none: all). `source` is the digest of the file of a user-defined stage.
    """

    kind: ClassVar[str]
    source: ClassVar[str] = ""
    gathers: ClassVar[Gathers] = "nothing"
    told_before: ClassVar[bool] = False
    replaces: ClassVar[bool] = False
    replays: ClassVar[bool] = False
    closed_form: ClassVar[bool] = False
    evaluates: ClassVar[bool] = False
    by_task: ClassVar[bool] = False
    schedule: Schedule
    last: bool = True
    readout: str = field(default=HEAD, metadata={UNSAID: True})
    towers: tuple[str, ...] = field(default=(), metadata={UNSAID: True})

    @property
    def reads(self) -> tuple[str, ...]:
        """Further tasks whose training records it reads, and does not learn."""
        return ()

    @property
    def weighs(self) -> bool:
        """Whether its adapters are weighted by the tokens that they act on: their α, or the gates of a router."""
        return bool(self.source)  # of a user's own stage it is not known

    @abstractmethod
    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        """Give `model` the stage's new parameters, drawn from `generator`, and mark what is trained."""

    def penalty(self, model: ContinualModel, task: str) -> torch.Tensor | None:
        """A term added to the task's loss (a scalar), or None."""
        return None

    def hooks(self, context: StageContext) -> StageHooks:
        """The hooks that the stage is trained with, made once it has begun."""
        return StageHooks()

    def settings(self) -> dict[str, JsonValue]:
        """The stage as plain JSON values, its kind included, and its source where it has one."""
        return {"kind": self.kind, **({"source": self.source} if self.source else {}), **settings_of(self)}

    @cached_property
    def settings_json(self) -> str:
        """The settings as JSON, sorted by name: the stage's part of a step's key. Computed once, and never pickled."""
        return json.dumps(self.settings(), sort_keys=True)

    def __getstate__(self) -> dict[str, object]:
        """The fields alone."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Learner(ABC):
    """A continual-learning method: the stages by which each task of an order is trained.

    `lineage` declares the part of the past that its steps depend on: the ordered `sequence`, the `set`, or `none`.
    `tunes_backbone`: it changes the backbone's own weights, which takes a lower learning rate than adapters do.
    `readouts`: those that its stages work with (None: all). `readout`: the one that they are given. `adapts`: it trains
    adapters. `closed_form`: it is solved, without updates. `no_captions`: the reason why it cannot learn which captions
    are of which picture; "" where it can. `towers`: the encoders of the backbone that adapters are in,
    by name (none: all).
    """

    name: ClassVar[str]
    lineage: ClassVar[Lineage]
    tunes_backbone: ClassVar[bool] = False
    readouts: ClassVar[tuple[str, ...] | None] = None
    adapts: ClassVar[bool] = True
    closed_form: ClassVar[bool] = False
    no_captions: ClassVar[str] = ""
    readout: str = field(default=HEAD, metadata={UNSAID: True})
    towers: tuple[str, ...] = field(default=(), metadata={UNSAID: True})

    @abstractmethod
    def stages(self, position: int) -> tuple[Stage, ...]:
        """The stages for the task at `position` (0-based) of an order; the last of them has `last` set."""

    def settings(self) -> dict[str, JsonValue]:
        """The learner as plain JSON values, its name included."""
        return {"name": self.name, **settings_of(self)}

    def with_readout(self, readout: str) -> Self:
        """The same learner with another readout. Raises UserError for one that it does not work with."""
        if self.readouts is not None and readout not in self.readouts:
            raise UserError(
                f"the learner {self.name!r} does not work with the readout {readout!r}: give --readout "
                f"{' or '.join(self.readouts)}, or another --learner."
            )
        return replace(self, readout=readout)

    def with_towers(self, towers: tuple[str, ...]) -> Self:
        """The same learner with adapters in these towers alone. Raises UserError for one that trains no adapters."""
        if towers and (self.tunes_backbone or not self.adapts):
            raise UserError(
                f"the learner {self.name!r} trains no adapters: leave --towers out, or give another --learner."
            )
        return replace(self, towers=tuple(sorted(set(towers))))

    def with_reference(self, task: str) -> Self:
        """The same learner, held near the pre-trained model on records of `task`; itself where it takes no such."""
        return self

    def given(self, stage: Stage) -> Stage:
        """One of its stages, with its readout and towers."""
        if self.readout == HEAD and not self.towers:
            return stage
        return replace(stage, readout=stage.readout if self.readout == HEAD else self.readout, towers=self.towers)

    def at_precision(self, precision: Precision) -> Learner:
        """The same learner, and the one it may be like, with every schedule at `precision`."""
        changed: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Schedule):
                changed[name] = replace(value, precision=precision)
            elif isinstance(value, Learner):
                changed[name] = value.at_precision(precision)
        return replace(self, **changed)
