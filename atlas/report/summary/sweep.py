"""The sweep itself in `summary.json`: its question and end, its plan, its provenance, its use of shared steps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from atlas.report.summary.base import Status, SummaryPart
from atlas.runtime.text import counted, duration


class BudgetFacts(SummaryPart):
    """The budget of a sweep over all its runs, and what is spent of it, in its unit."""

    amount: float
    unit: Literal["steps", "gpu-h", "h"]
    """`steps` trained, hours of training on GPUs (one a GPU), or hours that the sweep ran."""
    spent: float
    stopped: bool = False
    """Whether it ended the sweep before all its trials had ended."""

    @property
    def words(self) -> str:
        """`3 of 5 steps`, `1 h 02 min of 8 h 00 min`, or `1.50 of 200 GPU-hours`."""
        if self.unit == "h":
            return f"{duration(self.spent * 3600)} of {duration(self.amount * 3600)}"
        if self.unit == "gpu-h":
            return f"{self.spent:,.2f} of {self.amount:,g} GPU-hours"
        return f"{self.spent:,.0f} of {counted(round(self.amount), 'step')}"


class SweepFacts(SummaryPart):
    """The sweep: its question, how it was started and how it ended. Times are ISO 8601."""

    id: str
    name: str
    question: str
    command: str
    """The command that started it, passwords removed."""
    started: str
    finished: str | None = None
    """None while it runs."""
    status: Status
    goal: str = ""
    """The objective that trials are ranked by, on `val`: `<route>/<metric>` or `downstream/mean`. Empty: not recorded;
    average accuracy on route `latest` then, unless the best trial says otherwise."""
    view: str = ""
    """The command, address or file by which a person sees its runs."""
    tracking_uri: str = ""
    """The address of the tracking server or database, without passwords; empty: not recorded."""
    model: str = ""
    """The name of the registered model that its best trial becomes a version of; empty without a registry."""
    changes: tuple[str, ...] = ()
    """Changes of its definition that it has gone on with since it was started; absent without any."""
    budget: BudgetFacts | None = None
    """Absent without one."""


class MachineFacts(SummaryPart):
    """The kind of machine that steps were trained on: it decides the last bits of a score."""

    system: str
    processor: str
    cpus: int
    gpus: tuple[str, ...]
    """The GPUs' names."""
    joined: bool
    """Whether a Ray cluster was joined, whose nodes may be of other kinds."""


class Provenance(SummaryPart):
    """Everything that scores depend on beside the settings; a reproduction compares itself with it. Digests: sha256."""

    file_digest: str
    """Of the sweep's file; empty where it was not found."""
    code: str
    """Of atlas' Python files."""
    recipe: int
    """The version of the training recipe that is a part of every step's key."""
    machine: MachineFacts
    learners: dict[str, str] = Field(default_factory=dict)
    """User-defined learner → digest of its file."""


class PlanFacts(SummaryPart):
    """The plan that was shown before training."""

    trials: int
    trainings_without_sharing: int
    distinct_steps: int
    in_store: int = 0
    """Steps that were in the store already."""
    estimated_seconds: float | None = None


class NextCommand(SummaryPart):
    """A command that would tell more than the sweep does, and what it would cost."""

    command: str
    why: str
    steps: int
    """The steps that it would train: those of its plan that the store does not have."""
    seconds: float
    """The time that they are expected to take on as many fleets, by what steps like them took."""
    exact: bool = True
    """Whether all its trials are known beforehand; else the steps are an estimate."""

    @property
    def cost(self) -> str:
        """`12 steps, about 3 min 20 s`."""
        if not self.steps:
            return "nothing to train"
        return f"{'' if self.exact else 'about '}{counted(self.steps, 'step')}, about {duration(self.seconds)}"


class SharingLedger(SummaryPart):
    """Steps and seconds that sharing saved. A trial's use of a step either trained it now or reused it.

    `trainings` and what it is made of count one population: every use of a step by a trial, and once each reference
    step, probe of the bare backbone, and step of an interrupted sweep that was trained before a trial came to it.
    """

    steps_trained: int
    steps_reused: int
    seconds_trained: float
    seconds_saved: float
    trainings: int | None = None
    """The trainings that there would be if nothing were shared; what those that were found in the store or shared
    would have taken is `seconds_saved`. None: not recorded, nor are the next three."""
    trained: int = 0
    """Steps that this run of the sweep trained."""
    found: int = 0
    """Steps that were in the store before the sweep began."""
    kept: int = 0
    """Steps that the sweep had trained before it was interrupted."""
    continued: int = 0
    """Updates of trained steps that were those of a shorter schedule, from whose end they went on."""
    retries: int = 0
    moved_aside: int = 0
    """Broken entries of the store that were moved aside."""

    @property
    def shared(self) -> int | None:
        """The trainings that sharing within the sweep saved; None where they were not recorded."""
        return None if self.trainings is None else self.trainings - self.trained - self.found - self.kept


class TrainedStep(SummaryPart):
    """A step that this sweep trained itself: when, in seconds since 1970 by its worker's clock, and by which fleet."""

    key: str
    title: str
    """The step in words: its task, stage and what it builds on."""
    task: str
    began: float
    ended: float
    fleet: str = ""
    """Empty: not known, as of a step that was trained before the sweep was interrupted."""


class BestTrial(SummaryPart):
    """The trial chosen by `val`, and what `test` says of it, in percent."""

    trial: str
    val: float | None
    test: float | None
    goal: str = ""
    """Empty: average accuracy on route `latest`; `downstream`: the mean score of the downstream tasks."""
    learner: dict[str, JsonValue] = Field(default_factory=dict)
    """The settings of its learner, which `--settings-of` takes; empty where they were not recorded."""
