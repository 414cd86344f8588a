"""The result of a step, as the store keeps it: the only place that reads and writes its JSON.

schema_version      int; absent in entries of earlier versions, which are read as version 0
step                the step's own description (`Step.describe`); `title`, `order` in words and by task
scores              {latest, own, free?: {val, test: {task: percent}}}
losses, validations [[update, value], …]
updates, records, trained_parameters    int
cost                {seconds, learning, memory?}: seconds in all, and of training alone; peak memory in bytes
resumed_at?, continued_at?, workers?    updates that it resumed from; the update where a shorter schedule ended, from
                    which it went on; group sizes, where they changed
run, began, ended, versions             which run of a sweep trained it, when (seconds since 1970), with which torch
<any other key>     what the hooks of a continual-learning method keep (`StepResult.hooks`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from atlas.runtime.errors import UserError
from atlas.storage.score_names import Route, Split

SCHEMA_VERSION = 1
OPTIONAL = ("resumed_at", "continued_at", "workers")  # keys that are absent where they say nothing


class ShotsDescription(TypedDict):
    """The few shots of a step or probe, as JSON; see `atlas.data.few_shot.Shots`."""

    count: int | None
    fraction: float | None
    per_class: bool


class StepDescription(TypedDict):
    """A step and all that it builds on, as JSON; `atlas.steps.step` writes and reads it."""

    task: str
    stage: dict[str, JsonValue]
    seed: int
    backbone: str
    data: str
    evaluation: dict[str, int | None]
    shots: ShotsDescription | None
    downstream: bool
    beside: NotRequired[list[StepDescription]]
    jointly: NotRequired[dict[str, str]]
    templates: NotRequired[dict[str, list[str]]]
    revision: NotRequired[int]
    reads: NotRequired[dict[str, str]]
    weights: NotRequired[str]
    parent: StepDescription | None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")


class SplitScores(_Frozen):
    """Task → score in percent, of each split."""

    val: dict[str, float] = {}
    test: dict[str, float] = {}

    def of(self, split: Split) -> dict[str, float]:
        """The scores of one split."""
        return self.val if split == "val" else self.test


class Scores(_Frozen):
    """Scores by route: `latest` uses the newest adapters and queries, `own` those that a task was trained with.

    `free` uses the newest, and is not told the task: the classes of several tasks compete.
    """

    latest: SplitScores = SplitScores()
    own: SplitScores = SplitScores()
    free: SplitScores = SplitScores()

    def of(self, route: Route) -> SplitScores:
        """The scores by one route."""
        return {"latest": self.latest, "own": self.own, "free": self.free}[route]


class StepCost(_Frozen):
    """Seconds of wall-clock time, in all and of training alone (`learning`, as the stored JSON has it), and memory.

    memory: the most bytes of a worker's GPU that tensors took at once, or on a CPU the most that its process ever had
    resident; None in entries of earlier versions.
    """

    seconds: float = 0.0
    learning: float = 0.0
    memory: int | None = None


class StepResult(_Frozen):
    """Scores, training curve, cost and circumstances of a trained step.

    `scores` are in percent; `losses` and `validations` are (update, value) pairs; `updates` counts optimiser updates,
    `records` the training records of all of them. `hooks` is what a continual-learning method keeps for later steps.
    Fields that entries of earlier versions lack have their defaults.
    """

    schema_version: int = SCHEMA_VERSION
    step: StepDescription | None = None
    title: str = ""
    order: tuple[str, ...] = ()
    scores: Scores = Scores()
    losses: tuple[tuple[int, float], ...] = ()
    validations: tuple[tuple[int, float], ...] = ()
    updates: int = 0
    records: int = 0
    trained_parameters: int | None = None
    cost: StepCost = StepCost()
    resumed_at: tuple[int, ...] = ()
    continued_at: int = 0
    workers: tuple[int, ...] = ()
    run: str = ""
    began: float = 0.0
    ended: float = 0.0
    versions: dict[str, str] = {}
    hooks: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _hooks_have_keys_of_their_own(self) -> StepResult:
        if taken := sorted(set(self.hooks) & set(StepResult.model_fields)):
            raise ValueError(f"the hooks of a stage keep {', '.join(taken)}, which a step's result has itself")
        return self

    def to_json(self) -> dict[str, JsonValue]:
        """The result as plain JSON values; `read_result` is the inverse."""
        body = self.model_dump(mode="json", exclude={"hooks", *(name for name in OPTIONAL if not getattr(self, name))})
        if self.cost.memory is None:
            del body["cost"]["memory"]
        if self.scores.free == SplitScores():
            del body["scores"]["free"]
        return {**self.hooks, **body}


def read_result(facts: Mapping[str, JsonValue]) -> StepResult:
    """The result that `StepResult.to_json` wrote, in this version or an earlier one.

    Raises UserError where it is of a later version or no step's result.
    """
    names = set(StepResult.model_fields) - {"hooks"}
    body = {name: value for name, value in facts.items() if name in names}
    hooks = {name: value for name, value in facts.items() if name not in names}
    try:
        found = StepResult.model_validate({"schema_version": 0, **body, "hooks": hooks})
    except ValidationError as error:
        raise UserError(f"the facts of the step {facts.get('title', '')!r} are no step's result: {error}.") from error
    if found.schema_version > SCHEMA_VERSION:
        raise UserError(
            f"the step {found.title!r} was stored by a later version of atlas (schema {found.schema_version}, this one "
            f"reads up to {SCHEMA_VERSION}); use that version."
        )
    return found
