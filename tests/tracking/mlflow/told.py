"""Events of an invented sweep, as its writer is told."""

from __future__ import annotations

from atlas.tracking import SweepStarted, TrialStarted, TrialStep

ORDER = ["shapes", "digits"]


def sweep_started() -> SweepStarted:
    return SweepStarted(sweep="s1", name="a sweep", params={"lr": 5e-4}, tags={"who": "me"}, note="Which order?")


def trial_started(sweep: str = "s1", trial: str = "t1") -> TrialStarted:
    return TrialStarted(sweep=sweep, trial=trial, params={"order": ORDER, "adapter": {"r": 8}})


def trial_step(step: str, tasks_seen: int, **metrics: float | None) -> TrialStep:
    return TrialStep(sweep="s1", trial="t1", step=step, tasks_seen=tasks_seen, metrics=metrics)
