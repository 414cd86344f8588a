"""The summary of a sweep: everything that a report shows of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from atlas.report.summary.base import SummaryPart
from atlas.report.summary.scores import HeldOut, JointScores, OrderDisparity, ProbeScore, References, TaskFacts
from atlas.report.summary.sweep import (
    BestTrial,
    NextCommand,
    PlanFacts,
    Provenance,
    SharingLedger,
    SweepFacts,
    TrainedStep,
)
from atlas.report.summary.trial import FusionWeights, TrialRow

SCHEMA = 2
BACKBONE_DIGEST = "backbone_digest"  # the one setting that is no option: sha256 of the backbone's weights


class Summary(SummaryPart):
    """The summary of a sweep, as `summary.json` holds it.

    Scores are in percent, durations in seconds. A score that does not exist is null, never NaN; a metric without a
    value says why. Raises ValueError where trials, tasks and the best trial do not fit together.
    """

    schema_version: Literal[2] = Field(default=2, alias="schema")
    """The version of this form; files of version 1 are read, too."""
    sweep: SweepFacts
    settings: dict[str, JsonValue]
    """The options that all trials share, and the backbone's digest."""
    versions: dict[str, str]
    """Package → version."""
    origin: Provenance | None = None
    seeds: tuple[int, ...]
    plan: PlanFacts
    tasks: dict[str, TaskFacts]
    trials: tuple[TrialRow, ...]
    references: References
    joint: tuple[JointScores, ...] = ()
    held_out: HeldOut | None = None
    """Absent where the sweep holds no orders out."""
    downstream: tuple[ProbeScore, ...] = ()
    downstream_tasks: dict[str, TaskFacts] = Field(default_factory=dict)
    read_tasks: dict[str, TaskFacts] = Field(default_factory=dict)
    """Tasks whose records learners read and did not learn (`--reference`); absent without any."""
    reference_keys: tuple[str, ...] | None = None
    """The keys of the steps that no trial took: references, and probes of the bare backbone. None: not recorded."""
    unreadable: dict[str, str] = Field(default_factory=dict)
    """Step key → title of the step and why it could not be read for this summary, which lacks its scores or cost."""
    orders: tuple[OrderDisparity, ...]
    ledger: SharingLedger
    timeline: tuple[TrainedStep, ...] = ()
    """The steps that this sweep trained, by the time at which they began; absent without any."""
    alpha: tuple[FusionWeights, ...] = ()
    """Of the best trial, a task each; empty for learners that fuse no adapters."""
    best: BestTrial | None
    next: tuple[NextCommand, ...] = ()
    """What to try next; absent where the sweep did not finish, or nothing would tell more."""

    @model_validator(mode="after")
    def _check_trials(self) -> Summary:
        ids: set[str] = set()
        for trial in self.trials:
            if trial.id in ids:
                raise ValueError(f"trial {trial.id} occurs twice")
            ids.add(trial.id)
            if strange := sorted(set(trial.order) - self.tasks.keys()):
                raise ValueError(f"trial {trial.id} has unknown tasks: {', '.join(strange)}")
        if self.best is not None and self.best.trial not in ids:
            raise ValueError(f"best.trial is {self.best.trial!r}, which is no trial")
        return self

    @model_serializer(mode="wrap")
    def _with_schema(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {"schema": SCHEMA, **write(self)}

    @property
    def is_scored(self) -> bool:
        """Whether any trial was scored after any task, on test and route latest."""
        walked = (trial.R.get("test", {}).get("latest", ()) for trial in self.trials)
        return any(score is not None for rows in walked for row in rows for score in row)

    @property
    def best_trial(self) -> TrialRow | None:
        """The row of the best trial; None where none finished."""
        return None if self.best is None else self.trial(self.best.trial)

    @property
    def backbone(self) -> str:
        """The backbone's name, folder or hub id."""
        return str(self.settings.get("backbone", ""))

    @property
    def backbone_digest(self) -> str:
        """sha256 of the backbone's weights; empty where it was not recorded."""
        return str(self.settings.get(BACKBONE_DIGEST, ""))

    @property
    def all_tasks(self) -> dict[str, TaskFacts]:
        """The tasks of the orders, then those that are trained after them, then those that are read alone."""
        return {**self.tasks, **self.downstream_tasks, **self.read_tasks}

    def trial(self, name: str) -> TrialRow:
        """The row of that id. Raises StopIteration for an id that no row has."""
        return next(trial for trial in self.trials if trial.id == name)
