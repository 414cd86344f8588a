from __future__ import annotations

import json

import pytest

from atlas.data.few_shot import Shots
from atlas.learners import Schedule, TwoStage
from atlas.runtime.errors import AtlasError
from atlas.steps.probe import Probe, probe_from, shots_from
from atlas.steps.step import StepInputs, step_from
from atlas.steps.walk import Walk

AROUND = StepInputs(backbone="b", data={name: name for name in "abcx"})
LIKE = TwoStage(experience=Schedule(steps=3), expansion=Schedule(steps=5))
PROBES = tuple(Probe(task="x", way=way, shots=Shots(count=4)) for way in ("experience", "both", "head"))


def walked(order: str, seed: int = 0) -> Walk:
    return Walk(order=tuple(order), learner=LIKE, seed=seed, probes=PROBES)


@pytest.mark.parametrize(
    ("text", "shots"),
    [
        ("64", Shots(count=64)),
        ("16/class", Shots(count=16, per_class=True)),
        ("5%", Shots(fraction=0.05)),
        ("5%/class", Shots(fraction=0.05, per_class=True)),
        ("all", None),
    ],
)
def test_shots_are_read_as_people_write_them(text: str, shots: Shots | None) -> None:
    assert shots_from(text) == shots


@pytest.mark.parametrize("text", ["many", "0", "-3", "0%", "200%", "", "4/task"])
def test_what_are_no_shots_is_refused(text: str) -> None:
    with pytest.raises(AtlasError):
        shots_from(text)


@pytest.mark.parametrize("probe", [*PROBES, Probe(task="x", way="both")])
def test_description_and_probe_are_inverse(probe: Probe) -> None:
    assert probe_from(json.loads(json.dumps(probe.describe()))) == probe


def test_a_probe_builds_on_the_order_and_is_scored_alone() -> None:
    walk = walked("ab")
    last = walk.steps(AROUND)[-1][-1]
    experience, both, _ = walk.probe_steps(AROUND).values()
    assert [step.stage.kind for step in experience] == ["experience"]
    assert [step.stage.kind for step in both] == ["experience", "expansion"]
    for steps in (experience, both):
        assert steps[0].parent == last
        assert steps[-1].stage.last
        assert all(step.scored == ("x",) and step.downstream and step.shots == Shots(count=4) for step in steps)
    assert both[0] == experience[0]


def test_on_the_bare_backbone_the_head_stands_for_the_queries() -> None:
    experience, both, head = walked("").probe_steps(AROUND).values()
    assert [step.stage.kind for step in experience] == ["head"]
    assert [step.stage.kind for step in both] == ["head", "expansion"]
    assert both[0].parent is None
    assert [step.stage.kind for step in head] == ["head"]


def test_every_way_has_as_many_updates_on_the_backbone_as_after_an_order() -> None:
    def updates(walk: Walk) -> list[int | None]:
        ways = walk.probe_steps(AROUND).values()
        return [sum(step.stage.schedule.steps or 0 for step in steps) for steps in ways]

    assert updates(walked("")) == updates(walked("ab")) == [3, 8, 10]


def test_walks_that_end_alike_share_their_probes() -> None:
    assert walked("ab").probe_steps(AROUND) == walked("ab").probe_steps(AROUND)
    assert walked("ab").probe_steps(AROUND) != walked("ba").probe_steps(AROUND)
    assert walked("ab").probe_steps(AROUND) != walked("ab", seed=1).probe_steps(AROUND)


def test_a_probe_step_can_be_described_and_made_again() -> None:
    for step in walked("ab").every_step(AROUND):
        assert step_from(json.loads(json.dumps(step.describe()))) == step


def test_the_title_says_how_few_the_samples_are() -> None:
    both = walked("ab").probe_steps(AROUND)[PROBES[1]]
    assert both[-1].title == "x (expansion, 4 records) after a > b"
