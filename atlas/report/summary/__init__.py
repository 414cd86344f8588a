"""`summary.json`: everything that a report shows of a sweep, as one typed, frozen value.

`Summary` is the whole; `read_summary` and `write_summary` are the only places that read and write the file. The JSON
schema in the docs is generated from these types (`python -m atlas.report.schema`).
"""

from __future__ import annotations

from atlas.report.summary.base import AccuracyMatrix, Status, SummaryPart
from atlas.report.summary.file import current_document, document_of, read_summary, summary_from, write_summary
from atlas.report.summary.scores import (
    BARE,
    HeldOut,
    JointScores,
    OrderAccuracies,
    OrderDisparity,
    ProbeScore,
    References,
    SeedScores,
    SplitScore,
    TaskFacts,
)
from atlas.report.summary.summary import BACKBONE_DIGEST, SCHEMA, Summary
from atlas.report.summary.sweep import (
    BestTrial,
    BudgetFacts,
    MachineFacts,
    NextCommand,
    PlanFacts,
    Provenance,
    SharingLedger,
    SweepFacts,
    TrainedStep,
)
from atlas.report.summary.trial import FusionWeights, TrialRow, WalkCost
from atlas.storage.score_names import ROUTES, SPLITS, TOLD, Route, Split

__all__ = [
    "BACKBONE_DIGEST",
    "BARE",
    "ROUTES",
    "TOLD",
    "SCHEMA",
    "SPLITS",
    "AccuracyMatrix",
    "BestTrial",
    "BudgetFacts",
    "FusionWeights",
    "HeldOut",
    "JointScores",
    "MachineFacts",
    "NextCommand",
    "OrderDisparity",
    "OrderAccuracies",
    "PlanFacts",
    "ProbeScore",
    "Provenance",
    "References",
    "Route",
    "SeedScores",
    "SharingLedger",
    "Split",
    "SplitScore",
    "Status",
    "Summary",
    "SummaryPart",
    "SweepFacts",
    "TaskFacts",
    "TrainedStep",
    "TrialRow",
    "WalkCost",
    "current_document",
    "document_of",
    "read_summary",
    "summary_from",
    "write_summary",
]
