"""The trials of a sweep that has ended, reported as they were while it ran."""

from __future__ import annotations

from dataclasses import replace

from atlas.sweep.summary import FinishedSweep
from atlas.sweep.tracking_actor import Recorder
from atlas.sweep.tracking_reporter import TrackingReporter


def reporter_of(ended: FinishedSweep, tracking: Recorder) -> TrackingReporter:
    """The reporter of the sweep."""
    return TrackingReporter(tracking, "order-1", ended.inputs.store, ended.inputs.prepared)


def play(ended: FinishedSweep, reporter: TrackingReporter) -> None:
    """Report all trials, a report after each task, and the end twice."""
    for record in ended.trials:
        (walk,) = record.walks
        reporter.trial_changed(replace(record, status="RUNNING"), [])
        for stages in walk.steps(ended.inputs.step_inputs):
            reporter.trial_changed(replace(record, status="RUNNING"), stages)
        reporter.trial_changed(record, [])
        reporter.trial_changed(record, [])
