"""The walk graph: the steps that walks have by themselves, each built and hashed once."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.learners import LEARNERS, Joint, Schedule, SingleTaskAdapters, TwoStage
from atlas.steps import step as step_module
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step
from atlas.steps.walk import Walk
from tests.steps.recorded import PROBES, STEP_INPUTS, TASKS, recorded_walks

GOLDEN = Path(__file__).parents[1] / "golden" / "step_keys.json"
ORDERS = list(permutations(TASKS))


def walks_of(learner: Any, *seeds: int) -> list[Walk]:
    """A walk along each order and seed."""
    return [Walk(order=order, learner=learner, seed=seed) for order in ORDERS for seed in seeds or (0,)]


def facts_of(step: Step) -> list[Any]:
    """A step's own description, as JSON has it."""
    return [step.order, step.scored, step.learns, step.title, [earlier.key for earlier in step.chain()]]


def recorded() -> dict[str, dict[str, Any]]:
    """Label → the first keys, the number of keys, the digests of all keys and of what the steps say of themselves."""
    graphs: dict[int, WalkGraph] = {}
    steps: dict[str, list[Step]] = {}
    for label, walk, step_inputs in recorded_walks():
        graph = graphs.setdefault(id(step_inputs), WalkGraph(step_inputs))
        steps.setdefault(label, []).extend(graph.every_step(walk))
    found: dict[str, dict[str, Any]] = {}
    for label, taken in steps.items():
        keys, facts = [step.key for step in taken], [facts_of(step) for step in taken]
        found[label] = {
            "first": keys[:8],
            "keys": len(keys),
            "sha256": hashlib.sha256("\n".join(keys).encode()).hexdigest(),
            "facts": hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
        }
    return found


def test_every_key_and_all_that_steps_say_is_as_on_record() -> None:
    """These keys name the results in every store: where one changes, all of a store's steps are trained again."""
    assert recorded() == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("learner", LEARNERS.values())
def test_walks_share_their_steps_as_objects(learner: Any) -> None:
    graph = WalkGraph(STEP_INPUTS)
    for walk in walks_of(learner()):
        steps = [step for stages in graph.steps(walk) for step in stages]
        assert steps == list(walk.every_step(STEP_INPUTS))
        assert all(graph[step.key] is step for step in steps)
        assert all(graph[below.key] is below for step in steps for below in step.builds_on)


@pytest.mark.parametrize("learner", LEARNERS.values())
def test_steps_come_after_those_that_they_build_on(learner: Any) -> None:
    graph = WalkGraph(STEP_INPUTS)
    graph.distinct(walks_of(learner()))
    seen: set[str] = set()
    for step in graph:
        assert {below.key for below in step.builds_on} <= seen
        seen.add(step.key)
    assert len(seen) == len(graph)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The texts that keys are computed from, by how often."""
    found: Counter[str] = Counter()

    def counted(text: str) -> str:
        found[text] += 1
        return hashlib.sha256(text.encode()).hexdigest()

    monkeypatch.setattr(step_module, "text_sha256", counted)
    return found


@pytest.mark.parametrize("learner", LEARNERS.values())
def test_each_different_step_is_hashed_once(learner: Any, hashed: Counter[str]) -> None:
    graph = WalkGraph(STEP_INPUTS)
    for _ in range(2):
        steps = graph.distinct(walks_of(learner(), 0, 1))
    assert len(hashed) == len(steps) == len(graph)
    assert set(hashed.values()) == {1}


def test_a_walk_with_a_known_prefix_costs_its_new_steps(hashed: Counter[str]) -> None:
    graph = WalkGraph(STEP_INPUTS)
    graph.steps(Walk(order=("a", "b", "c"), learner=TwoStage(), seed=0))
    hashed.clear()
    graph.steps(Walk(order=("a", "b", "d", "c"), learner=TwoStage(), seed=0))
    assert [json.loads(text)["task"] for text in hashed] == ["d", "d", "c", "c"]


def test_probes_are_of_the_graph_too() -> None:
    graph = WalkGraph(STEP_INPUTS)
    for order in ((), ("a",), ("a", "b")):
        walk = Walk(order=order, learner=TwoStage(), seed=0, probes=PROBES)
        assert graph.probe_steps(walk) == walk.probe_steps(STEP_INPUTS)
        assert all(graph[step.key] is step for steps in graph.probe_steps(walk).values() for step in steps)


def test_a_list_of_steps_pickles_their_ancestors_once() -> None:
    steps = WalkGraph(STEP_INPUTS).distinct(walks_of(TwoStage()))
    together = pickle.dumps(steps)
    assert len(together) < sum(len(pickle.dumps(step)) for step in steps) / 10
    again: list[Step] = pickle.loads(together)
    assert again == steps
    by_key = {step.key: step for step in again}
    assert all(by_key[below.key] is below for step in again for below in step.builds_on)


def test_nothing_that_was_computed_is_pickled_but_the_key() -> None:
    (_, step) = WalkGraph(STEP_INPUTS).steps(Walk(order=("a", "b"), learner=TwoStage(), seed=0))[-1]
    before = pickle.dumps(step)
    assert (step.order, step.title) == (("a", "b"), "b (expansion) after a")
    assert pickle.dumps(step) == before
    again = pickle.loads(before)
    assert "key" in vars(again)
    assert "settings_json" not in vars(again.stage)
    assert (again.order, again.title, again.stage.settings()) == (step.order, step.title, step.stage.settings())


def test_learners_whose_settings_only_look_equal_have_steps_of_their_own() -> None:
    """1 and 1.0 are equal, but not as JSON, which a key is the digest of."""
    graph, order = WalkGraph(STEP_INPUTS), ("a",)
    whole, real = (Joint(schedule=Schedule(epochs=epochs)) for epochs in (1, 1.0))
    assert whole == real
    for learner in (whole, real):
        walk = Walk(order=order, learner=learner, seed=0)
        assert [step.key for step in graph.every_step(walk)] == [step.key for step in walk.every_step(STEP_INPUTS)]
    assert len(graph) == 2


def test_what_learners_have_in_common_is_one_step() -> None:
    graph = WalkGraph(STEP_INPUTS)
    (lone,) = graph.steps(Walk(order=("a",), learner=SingleTaskAdapters(), seed=0))[0]
    (first,) = graph.steps(Walk(order=("a", "b"), learner=TwoStage(), seed=0))[0]
    assert lone is first


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(LEARNERS)), st.sampled_from(ORDERS), st.integers(0, 2)), max_size=6))
def test_any_walks_in_any_order_have_the_steps_that_each_has_alone(taken: list[Any]) -> None:
    graph = WalkGraph(STEP_INPUTS)
    for name, order, seed in taken:
        walk = Walk(order=order, learner=LEARNERS[name](), seed=seed)
        assert [step.key for step in graph.every_step(walk)] == [step.key for step in walk.every_step(STEP_INPUTS)]
