"""The report of a reproduction: a JSON file with every comparison and what the run and its replay differed in."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from atlas.report.summary import MachineFacts, Status, SummaryPart
from atlas.reproduce.comparison import Compared
from atlas.reproduce.difference import Weight
from atlas.reproduce.plan import ReproductionPlan
from atlas.runtime.errors import UserError
from atlas.sweep.provenance import machine, versions

SCHEMA = 1


class ReportedDifference(SummaryPart):
    """A difference between the recorded run and this place (see `atlas.reproduce.difference`)."""

    what: str
    recorded: str
    here: str
    weight: Weight


class ReportedTolerance(SummaryPart):
    """The largest |difference| of a score that counts as equal, in points."""

    points: float
    reason: str


class ReportedComparison(SummaryPart):
    """A group of scores: the largest |difference| in points, the number of scores, and how many are missing."""

    what: str
    split: str
    route: str
    difference: float | None
    scores: int
    missing: int
    equal: bool


class ReproductionReport(SummaryPart):
    """The whole report. `largest`: the largest |difference| of all, None where nothing could be compared."""

    schema_version: int = SCHEMA
    run: str
    recorded_command: str
    command: str
    date: str
    seconds: float
    machine: MachineFacts
    versions: dict[str, str]
    fingerprints: dict[str, str]
    backbone: str
    precision: str
    differences: tuple[ReportedDifference, ...]
    tolerance: ReportedTolerance
    largest: float | None
    compared: tuple[ReportedComparison, ...]
    status: Status
    equal: bool

    def write(self, path: Path) -> None:
        """Write the file. Raises UserError where it cannot be written."""
        fields = self.model_dump(mode="json", exclude={"schema_version"})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"schema": self.schema_version, **fields}, indent=1) + "\n")
        except OSError as error:
            raise UserError(
                f"the report {path} cannot be written: {error.strerror}; name another by --report."
            ) from error


def reproduction_report(
    plan: ReproductionPlan, compared: Sequence[Compared], *, status: Status, seconds: float
) -> ReproductionReport:
    """The report of a reproduction that took `seconds` and whose sweep ended with `status`."""
    recorded, points = plan.recorded, plan.tolerance.points
    apart = [one.difference for one in compared if one.difference is not None]
    return ReproductionReport(
        run=recorded.name,
        recorded_command=recorded.summary.sweep.command,
        command=plan.replay.invocation.command,
        date=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        seconds=seconds,
        machine=machine(),
        versions=versions(),
        fingerprints=recorded.fingerprints,
        backbone=recorded.summary.backbone_digest,
        precision=plan.replay.experiment.precision,
        differences=tuple(ReportedDifference(**vars(one)) for one in plan.found),
        tolerance=ReportedTolerance(**vars(plan.tolerance)),
        largest=max(apart, default=None),
        compared=tuple(ReportedComparison(**vars(one), equal=one.is_equal(points)) for one in compared),
        status=status,
        equal=all(one.is_equal(points) for one in compared),
    )
