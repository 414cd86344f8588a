"""A broker that trains nothing, for searches over a real Ray Tune."""

from __future__ import annotations

from atlas.config.experiment import Experiment
from atlas.execution.messages import Unknown
from atlas.execution.step_registry import StepNode, StepRegistry
from atlas.search.trainable import TrialSetup
from atlas.search.trial_course import CourseSetup
from atlas.steps.step import Step, StepInputs
from atlas.storage.step_result import Scores, SplitScores, StepResult

TASKS = ("a", "b", "c")
STEP_INPUTS = StepInputs(backbone="x", data={task: task for task in TASKS})
NAMESPACE = "seams"
REFERENCE_RANK = 16


class InstantBroker:
    """Answers at once: all tasks seen score ten times the adapters' rank, but each task alone scores 5.

    The relative accuracy of an unfinished order is therefore far above the average accuracy of any finished one.
    """

    def __init__(self) -> None:
        self.steps = StepRegistry()

    def unknown(self, keys: list[str]) -> tuple[str, ...]:
        return self.steps.unknown(keys)

    def describe(self, nodes: list[StepNode]) -> None:
        self.steps.add(nodes)

    def anticipate(self, keys: list[str], scope: str = "") -> Unknown | None:
        unknown = self.steps.unknown(keys)
        return Unknown(unknown) if unknown else None

    def request(self, keys: list[str], scope: str = "") -> list[StepResult] | Unknown:
        if unknown := self.steps.unknown(keys):
            return Unknown(unknown)
        return [self.result(self.steps[key]) for key in keys]

    def request_trainable(self, keys: list[str]) -> list[StepResult] | Unknown:
        return self.request(keys)

    def result(self, step: Step) -> StepResult:
        rank = step.stage.settings().get("rank", REFERENCE_RANK)  # a stage of experience has none
        assert isinstance(rank, int)
        score = 5.0 if rank == REFERENCE_RANK else 10.0 * rank
        scores = SplitScores(val=dict.fromkeys(step.order, score), test=dict.fromkeys(step.order, score))
        return StepResult(title=step.title, scores=Scores(latest=scores, own=scores), losses=((1, 2.0), (2, 1.0)))


def setup_of(experiment: Experiment) -> TrialSetup:
    """The setup of trials that ask the broker of the name `instant`."""
    single_task = [walk.steps(STEP_INPUTS)[-1][-1] for walk in experiment.references()["lone"]]
    return TrialSetup(
        broker="instant",
        namespace=NAMESPACE,
        course=CourseSetup(step_inputs=STEP_INPUTS, single_task=single_task, aim="mean"),
        sharing=True,
    )
