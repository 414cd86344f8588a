"""Evaluations beyond what is learnt: records beside the steps, which change no key and are shared by prefixes."""

from __future__ import annotations

import json
import math
from itertools import permutations

import pytest

from atlas.learners import FineTuning, HeadOnly, Joint, L2p, Learner, MoeAdapters, Rail, Schedule, TwoStage
from atlas.steps.beyond import Beyond, beyond_from
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs, step_from
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult
from atlas.storage.step_result import Scores, SplitScores, StepResult

INPUTS = StepInputs(backbone="x", data={name: name * 3 for name in "abc"}, templates={"c": ("a {} .",)})
BOTH = Beyond(ahead=True, label_space=("a", "c"))
LEARNER = TwoStage(experience=Schedule(steps=1), expansion=Schedule(steps=2, precision="bfloat16")).with_readout(
    "similarity"
)


def walk(order: str, beyond: Beyond | None = BOTH, learner: Learner = LEARNER) -> Walk:
    return Walk(order=tuple(order), learner=learner, seed=0, beyond=beyond)


def evaluations(order: str, beyond: Beyond, learner: Learner = LEARNER) -> list[Step | None]:
    return WalkGraph(INPUTS).evaluations(walk(order, beyond, learner))


def test_it_is_said_in_words() -> None:
    assert BOTH.in_words == "tasks to come (route latest), 2 tasks in one label space (route free)"
    assert Beyond(ahead=True).in_words == "tasks to come (route latest)"


def test_it_survives_json() -> None:
    assert beyond_from(json.loads(json.dumps(BOTH.describe()))) == BOTH


def test_no_step_of_a_walk_changes_and_the_evaluations_come_last() -> None:
    plain, scored = (list(WalkGraph(INPUTS).every_step(walk("abc", beyond))) for beyond in (None, BOTH))
    assert scored[: len(plain)] == plain
    assert [step.stage.kind for step in scored[len(plain) :]] == ["evaluation"] * 4


def test_tasks_to_come_are_scored_after_each_task_but_the_last() -> None:
    before, first, second, last = evaluations("bac", Beyond(ahead=True))
    assert (before, last) == (None, None)
    assert first
    assert second
    assert [(one.order, one.scored, one.label_space) for one in (first, second)] == [
        (("b",), ("a", "c"), ()),
        (("b", "a"), ("c",), ()),
    ]
    assert first.title == "a + c (evaluation) after b"
    assert (first.stage.schedule.steps, first.stage.schedule.precision) == (0, "bfloat16")
    assert first.templates == (("c", ("a {} .",)),)
    assert step_from(first.describe()) == first


def test_route_free_scores_its_tasks_before_and_after_each_and_references_have_the_rest() -> None:
    found = evaluations("bac", BOTH)
    assert [one and one.label_space for one in found] == [("a", "c")] * 4
    assert [one and one.scored for one in found] == [(), ("a", "c"), ("c",), ()]
    assert found[-1] is not None
    assert found[-1].title == "a + c (evaluation) after b > a > c"


def test_orders_with_the_same_prefix_share_it() -> None:
    graph = WalkGraph(INPUTS)
    steps = graph.distinct(walk("".join(order)) for order in permutations("abc"))
    assert sum(step.stage.evaluates for step in steps) == 1 + 3 + 6 + 6
    joint = graph.distinct(
        walk("".join(order), learner=Joint().with_readout("similarity")) for order in permutations("abc")
    )
    assert sum(step.stage.evaluates for step in joint) == 1 + 3 + 3 + 1  # a model of a set is that of all its orders


def test_a_growing_label_space_has_the_tasks_learnt_so_far() -> None:
    growing = Beyond(label_space=("a", "c"), growing=True)
    assert beyond_from(growing.describe()) == growing
    assert growing.in_words == "tasks learnt so far in one label space (route free)"
    assert [one and one.label_space for one in evaluations("bac", growing)] == [None, None, ("a",), ("a", "c")]


@pytest.mark.parametrize(
    ("learner", "own", "space", "to_come"),
    [
        (Rail(), "ridge-similarity", ("a", "c"), "similarity"),
        (L2p(), "prompted-similarity", ("a", "c"), "prompted-similarity"),
        (MoeAdapters(), "similarity", (), "similarity"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_is_to_come_is_answered_as_the_method_has_it(
    learner: Learner, own: str, space: tuple[str, ...], to_come: str
) -> None:
    """By the backbone, or by the pool; without a label space where a record's task has to be told."""
    before, first, second, last = evaluations("bac", BOTH, learner.with_readout("similarity"))
    assert (before and before.stage.readout, before and before.label_space) == (
        ("similarity", space) if space else (None, None)
    )
    assert first is not None
    assert (first.stage.readout, first.label_space, first.scored) == (to_come, space, ("a", "c"))
    assert second is not None
    assert second.parent is not None
    assert second.parent.stage.readout == own
    assert (last and last.label_space) == (space or None)


def test_a_learner_with_a_model_for_each_task_has_none() -> None:
    assert evaluations("abc", BOTH, HeadOnly().with_readout("similarity")) == [None] * 4


@pytest.mark.parametrize("learner", [LEARNER, FineTuning().with_readout("similarity")])
def test_the_matrix_is_whole_once_evaluations_are_there(learner: Learner) -> None:
    outcome = WalkResult(walk=walk("ab", Beyond(ahead=True, label_space=("a", "b")), learner), graph=WalkGraph(INPUTS))
    for number, stages in enumerate(outcome.steps):
        for step in stages:
            outcome.add(step, scored(latest={"a": 70.0 - number, "b": 80.0} if number else {"a": 70.0}))
    assert math.isnan(outcome.matrix("val", "latest")[0][1])
    assert "val/latest/mtil_transfer" not in outcome.metrics(SplitScores())
    for number, evaluation in enumerate(outcome.evaluations):
        assert evaluation is not None
        outcome.add(evaluation, scored(latest={"b": 50.0} if number == 1 else {}, free={"a": 40.0, "b": 30.0 + number}))
    outcome.zero_shot = SplitScores(val={"a": 10.0, "b": 45.0})
    assert outcome.matrix("val", "latest") == [[70.0, 50.0], [69.0, 80.0]]
    assert outcome.matrix("val", "free") == [[40.0, 31.0], [40.0, 32.0]]
    assert math.isnan(outcome.matrix("val", "own")[0][1])
    assert outcome.free_before("val") == [40.0, 30.0]
    found = outcome.metrics(SplitScores())
    assert found["val/latest/mtil_transfer"] == 50.0
    assert found["val/latest/transfer_over_zero_shot"] == found["val/latest/forward_transfer"] == 5.0
    assert found["val/free/transfer_over_zero_shot"] == 1.0
    assert found["val/free/average_accuracy"] == 36.0
    assert outcome.figure("free/average_accuracy", SplitScores()) == 36.0


def scored(latest: dict[str, float], free: dict[str, float] | None = None) -> StepResult:
    """The scores of a step on val."""
    told = SplitScores(val=latest)
    own = SplitScores() if free else told
    return StepResult(scores=Scores(latest=told, own=own, free=SplitScores(val=free or {})))
