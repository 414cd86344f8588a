"""A step's result as JSON, of this version and of earlier ones."""

from __future__ import annotations

import json
import pickle

import pytest
from pydantic import JsonValue, ValidationError

from atlas.runtime.errors import AtlasError
from atlas.storage.artifact import Artifact, marker_of, parse_marker
from atlas.storage.step_result import SCHEMA_VERSION, Scores, SplitScores, StepCost, StepResult, read_result

RESULT = StepResult(
    step={
        "task": "digits",
        "stage": {"kind": "head", "last": True},
        "seed": 0,
        "backbone": "b",
        "data": "d",
        "evaluation": {"val": 16, "test": None},
        "shots": {"count": 4, "fraction": None, "per_class": True},
        "downstream": False,
        "parent": None,
    },
    title="digits (head)",
    order=("digits",),
    scores=Scores(latest=SplitScores(val={"digits": 50.0}), own=SplitScores(val={"digits": 50.0})),
    losses=((1, 2.5), (2, 1.25)),
    updates=2,
    records=16,
    trained_parameters=7,
    cost=StepCost(seconds=2.0, learning=1.0),
    versions={"torch": "2.13.0"},
    hooks={"memory": [3, 5], "fisher_records": 4},
)
BEFORE: dict[str, JsonValue] = {
    "began": 1795703026.5,
    "cost": {"learning": 0.5, "seconds": 0.75},
    "ended": 1795703027.25,
    "losses": [[1, 100.5]],
    "memory": [1, 2],
    "order": ["digits"],
    "records": 64,
    "resumed_at": [3],
    "scores": {"latest": {"test": {"digits": 50.0}, "val": {}}, "own": {"test": {"digits": 50.0}, "val": {}}},
    "title": "digits (expansion)",
    "updates": 2,
    "validations": [],
}
"""The facts of an entry before results had a schema number; `run`, `versions` and others came later."""


def through_json(facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return dict(json.loads(json.dumps(facts)))


def test_a_result_is_read_as_it_was_written() -> None:
    facts = RESULT.to_json()
    assert read_result(through_json(facts)) == RESULT
    assert facts["schema_version"] == SCHEMA_VERSION
    assert pickle.loads(pickle.dumps(RESULT)) == RESULT


def test_hooks_have_keys_beside_the_others() -> None:
    facts = RESULT.to_json()
    assert (facts["memory"], facts["fisher_records"], "hooks" in facts) == ([3, 5], 4, False)


def test_a_hook_cannot_take_a_key_of_the_result() -> None:
    with pytest.raises(ValidationError, match="keep title, which a step's result has itself"):
        StepResult(hooks={"title": "mine"})


def test_keys_that_say_nothing_are_left_out() -> None:
    assert not RESULT.to_json().keys() & {"resumed_at", "workers"}
    assert RESULT.to_json()["cost"] == {"seconds": 2.0, "learning": 1.0}
    measured = RESULT.model_copy(update={"cost": StepCost(seconds=2.0, learning=1.0, memory=2**30)})
    assert read_result(through_json(measured.to_json())).cost.memory == 2**30
    resumed = RESULT.model_copy(update={"resumed_at": (3,), "workers": (1, 2)})
    assert (resumed.to_json()["resumed_at"], resumed.to_json()["workers"]) == ([3], [1, 2])


def test_facts_of_earlier_versions_are_read() -> None:
    found = read_result(BEFORE)
    assert (found.schema_version, found.title, found.order) == (0, "digits (expansion)", ("digits",))
    assert found.scores.own.test == {"digits": 50.0}
    assert (found.cost.learning, found.losses, found.resumed_at) == (0.5, ((1, 100.5),), (3,))
    assert found.hooks == {"memory": [1, 2]}
    assert (found.step, found.trained_parameters, found.run) == (None, None, "")
    assert {name: found.to_json()[name] for name in BEFORE} == BEFORE


def test_a_marker_of_an_earlier_version_keeps_its_bytes() -> None:
    text = marker_of(Artifact(key="k", attempt="a1", facts=BEFORE, files={}))
    found = parse_marker("k", text)
    assert found.result.title == "digits (expansion)"
    assert marker_of(found) == text


def test_a_result_of_a_later_version_is_refused() -> None:
    with pytest.raises(AtlasError, match="stored by a later version of atlas"):
        read_result({**RESULT.to_json(), "schema_version": SCHEMA_VERSION + 1})


def test_other_json_is_refused() -> None:
    with pytest.raises(AtlasError, match="'digits' are no step's result"):
        read_result({"title": "digits", "scores": {"val": 3.0}, "losses": "none"})
