"""The timeline of a sweep: the steps that it trained, when, and on which fleet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from atlas.report.summary import TrainedStep
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult


def timeline(
    results: Iterable[tuple[Step, StepResult]], fleets: Mapping[str, str], *, runs: Collection[str]
) -> tuple[TrainedStep, ...]:
    """The steps that one of the `runs` trained, each once, by the time at which they began.

    `fleets` are those that trained a step, by its key. Results that do not say when are left out.
    """
    own = {
        (result.began, step.key): TrainedStep(
            key=step.key,
            title=step.title,
            task=step.task,
            began=result.began,
            ended=result.ended,
            fleet=fleets.get(step.key, ""),
        )
        for step, result in results
        if result.run in runs and 0 < result.began <= result.ended
    }
    return tuple(own[place] for place in sorted(own))
