"""The events of small sweeps, as tests of trackers and sinks apply them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atlas.tracking import (
    Event,
    StepFinished,
    SweepFinished,
    SweepStarted,
    Tracker,
    TrialFinished,
    TrialStarted,
    TrialStep,
)

STEPS = ("k1", "k2", "k3")


def finished_step(key: str, **other: Any) -> StepFinished:
    """A finished step with settings, scores, a curve and its data."""
    values: dict[str, Any] = {
        "name": "digits after shapes",
        "sweep": "s1",
        "settings": {"adapter": {"kind": "lora", "r": 8}, "lr": 5e-4, "faithful": True},
        "tags": {"atlas.task": "digits"},
        "note": "trained second",
        "curves": {"train/loss": [[step, 1 / (step + 1)] for step in range(50)]},
        "scores": {"test/latest/digits": 91.0, "test/latest/shapes": 70.5, "val/own/digits": None},
        "position": 1,
        "datasets": [{"name": "digits", "fingerprint": "f" * 64, "source": {"package": "scikit-learn"}}],
        "started": 1_700_000_000.0,
        "ended": 1_700_000_009.0,
    }
    return StepFinished(key=key, **{**values, **other})


def two_trials(step: Callable[..., StepFinished]) -> list[Event]:
    """A sweep of two trials that share a step."""
    events: list[Event] = [
        SweepStarted(sweep="s1", name="a sweep", params={"lr": 5e-4}, tags={"who": "me"}, note="Which order?")
    ]
    for trial, keys in (("t1", ("k1", "k2")), ("t2", ("k1", "k3"))):
        events.append(TrialStarted(sweep="s1", trial=trial, params={"order": ["a", "b"]}))
        for seen, key in enumerate(keys, start=1):
            events.append(step(key, name=key))
            metrics = {"val/average": 80.0 - seen}
            events.append(TrialStep(sweep="s1", trial=trial, step=key, tasks_seen=seen, metrics=metrics))
        events.append(TrialFinished(sweep="s1", trial=trial, status="FINISHED", metrics={"final": 78.0}))
    return [*events, SweepFinished(sweep="s1", status="FINISHED", metrics={"best": 78.0})]


def record(tracker: Tracker, step: Callable[..., StepFinished]) -> None:
    """Record the sweep of two trials."""
    for event in two_trials(step):
        tracker.record(event)
