"""The trainable: a trial of Ray Tune, which requests its steps from the broker's actor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atlas.config.trial import BEGUN_AS, trial_config_from
from atlas.execution.broker_client import BrokerClient
from atlas.runtime.errors import UserError
from atlas.search.trial_course import Answer, CourseSetup, StepRequest, advance, course
from atlas.search.trial_report import TrialReport

NOT_TRAINED = TrialReport(objective=0.0, tasks_seen=0, finished=[], figures={}, complete=False)


@dataclass(frozen=True, kw_only=True)
class TrialSetup:
    """Settings common to all trials of a sweep: the broker's actor, and the course that trials take.

    Without `sharing` each trial trains all steps of its own, but for the references.
    """

    broker: str
    namespace: str
    course: CourseSetup
    sharing: bool


def run_trial(config: dict[str, Any], *, setup: TrialSetup) -> None:
    """The function that Tune runs: the trial's course, with its requests to the broker and its reports to Tune.

    Raises:
        StepFailed: a step cannot be trained; the trial fails with it, the sweep continues.
        UserError: the sweep's space proposed no trial; likewise.
    """
    from ray import tune

    trial_config = trial_config_from(config)
    if trial_config.refused:
        raise UserError(trial_config.refused)
    if trial_config.infeasible:
        tune.report(NOT_TRAINED.to_tune())
        return
    broker = BrokerClient.connect(setup.broker, setup.namespace)
    scope = "" if setup.sharing else f"private/{config.get(BEGUN_AS, tune.get_context().get_trial_id())}"
    steps = course(trial_config.walks(), setup.course)
    said = advance(steps, None)
    while said is not None:
        if isinstance(said, TrialReport):
            tune.report(said.to_tune())
            said = advance(steps, None)
        else:
            said = advance(steps, _answer(said, broker, scope))


def _answer(said: StepRequest, broker: BrokerClient, scope: str) -> Answer:
    if said.later:
        broker.describe(said.later)
    if said.ahead:
        broker.anticipate(said.ahead, scope)
    if said.shared:
        return broker.request_trainable(said.steps)
    return broker.request(said.steps, scope)
