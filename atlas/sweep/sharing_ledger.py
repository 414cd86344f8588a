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
    distinct = {("" if sharing else use.trial, use.key): use.result for use in uses}
    distinct |= {("", key): result for key, result in auxiliary.items()}
    trained, kept = (_of(distinct.values(), known) for known in ({run}, set(earlier)))
    everything = [*(use.result for use in uses), *auxiliary.values()]
    return SharingLedger(
        steps_trained=count,
        steps_reused=len(uses) - count,
        seconds_trained=sum(fresh.values()),
        seconds_saved=_seconds(everything) - _seconds(trained) - _seconds(kept) if sharing else 0.0,
        trainings=len(everything),
        trained=len(trained),
        found=len(distinct) - len(trained) - len(kept),
        kept=len(kept),
        continued=sum(result.continued_at for result in trained),
    )


def _of(results: Collection[StepResult], runs: Collection[str]) -> list[StepResult]:
    """The results that one of these runs of a sweep trained."""
    return [result for result in results if result.run in runs]


def _seconds(results: Collection[StepResult]) -> float:
    return sum(result.cost.seconds for result in results)
