"""Templates in steps: part of the key where a readout compares pictures with names, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from atlas.learners import FineTuning, Joint, TwoStage, ZeroShot
from atlas.learners.base import Learner
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs, step_from
from atlas.steps.walk import Walk
from tests.small import World

PLAIN = StepInputs(backbone="b", data={"a": "1", "b": "2", "c": "3"})
NAMED = replace(PLAIN, templates={"b": ("a {} .", "the {} .")})
SAID = (("b", ("a {} .", "the {} .")),)


def steps(inputs: StepInputs, learner: Learner, order: str) -> list[Step]:
    graph = WalkGraph(inputs)
    return list(graph.every_step(Walk(order=tuple(order), learner=learner, seed=0)))


def test_no_key_changes_but_of_similarity_from_a_task_with_templates_on() -> None:
    for learner in (TwoStage(), FineTuning(), Joint()):
        assert steps(NAMED, learner, "abc") == steps(PLAIN, learner, "abc")
    learner = FineTuning().with_readout("similarity")
    pairs = zip(steps(NAMED, learner, "abc"), steps(PLAIN, learner, "abc"), strict=True)
    assert [one.key == other.key for one, other in pairs] == [True, False, False]


def test_a_step_says_the_templates_of_all_that_it_trains_and_builds_on() -> None:
    first, second, third = steps(NAMED, FineTuning().with_readout("similarity"), "abc")
    assert [one.templates for one in (first, second, third)] == [(), SAID, ()]
    assert third.templates_by_task == dict(SAID)
    assert steps(NAMED, Joint().with_readout("similarity"), "bc")[-1].templates == SAID
    assert step_from(third.describe()) == third


def test_a_model_is_built_with_them(small_world: World) -> None:
    inputs = replace(small_world.step_inputs, templates={"digits": ("a {} .",)})
    ((step,),) = WalkGraph(inputs).steps(Walk(order=("digits",), learner=ZeroShot(), seed=0))
    model = small_world.worker_context.empty_model(step.templates_by_task)
    assert {name: form.templates for name, form in model.forms.items() if form.templates} == {"digits": ("a {} .",)}
    model.detach()
