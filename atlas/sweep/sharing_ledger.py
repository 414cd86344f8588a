"""The ledger of a sweep: where the results of its trainings come from, and what sharing saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from atlas.report.summary import SharingLedger
from atlas.storage.step_result import StepResult


@dataclass(frozen=True, kw_only=True)
class StepUse:
    """A trial's use of a step, by the trial's id and the step's key, with its result."""

    trial: str
    key: str
    result: StepResult


def sharing_ledger(
    uses: Sequence[StepUse],
    auxiliary: Mapping[str, StepResult],
    *,
    run: str,
    earlier: Collection[str],
    sharing: bool,
) -> SharingLedger:
    """The ledger of the trials' uses of steps and of the auxiliary steps, by their keys.

    `run` trained what is counted as trained now, those `earlier` what a resumed sweep has kept. A trial's use of a step
    either trained it now (once) or reused it; without `sharing` the steps of each trial are its own.
    """
    fresh = {use.key: use.result.cost.seconds for use in uses if use.result.run == run}
    count = len(fresh) if sharing else len(uses)
    runs = {("" if sharing else use.trial, use.key): use.result.run for use in uses}
    runs |= {("", key): result.run for key, result in auxiliary.items()}
    trained, kept = (sum(one in known for one in runs.values()) for known in ({run}, set(earlier)))
    seconds = sum(fresh.values())
    return SharingLedger(
        steps_trained=count,
        steps_reused=len(uses) - count,
        seconds_trained=seconds,
        seconds_saved=sum(use.result.cost.seconds for use in uses) - seconds if sharing else 0.0,
        trainings=len(uses) + len(auxiliary),
        trained=trained,
        found=len(runs) - trained - kept,
        kept=kept,
    )
