"""Contract of every learner in the catalogue, run over all of them: a new entry is tested for free."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import torch

from atlas.learners import LEARNERS, STAGES, Learner, Schedule, learner_from, stage_from
from atlas.learners.evaluation import score
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step
from atlas.steps.train import load_model
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, atlas, contents, outcome, weights

POSITIONS = range(4)
ORDER = ("digits", "easy-vqa", "piqa-twin")


@pytest.fixture(params=sorted(LEARNERS), scope="module")
def learner(request: pytest.FixtureRequest) -> Learner:
    return LEARNERS[request.param]()


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A walk of a learner over `ORDER`, and the backbone's weights before it."""

    walk: Walk
    steps: list[list[Step]]
    results: list[list[StepResult]]
    store: Store
    before: Mapping[str, torch.Tensor]


@pytest.fixture(scope="module")
def learnt(learner: Learner, small_world: World, tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    """Learnt once; not to be altered."""
    backbone = small_world.worker_context.backbone
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    store = Store.open(str(tmp_path_factory.mktemp(learner.name) / "store"))
    walk = Walk(order=ORDER, learner=small(learner), seed=0)
    steps = walk.steps(small_world.step_inputs)
    results = [small_world.learn(stages, store) for stages in steps]
    return Learnt(walk=walk, steps=steps, results=results, store=store, before=before)


def small(learner: Learner) -> Learner:
    """The same learner with two updates a stage."""
    values = {field.name: getattr(learner, field.name) for field in fields(learner)}
    tiny = {name: SCHEDULE for name, value in values.items() if isinstance(value, Schedule)}
    like = {"like": atlas()} if "like" in values else {}
    few = {"records": 4} if "records" in values else {}
    return type(learner)(**{**values, **tiny, **like, **few})


def test_the_catalogues_name_each_by_its_own_name() -> None:
    assert all(learner.name == name for name, learner in LEARNERS.items())
    assert all(stage.kind == kind for kind, stage in STAGES.items())


def test_a_task_is_learnt_once_its_last_stage_is_over(learner: Learner) -> None:
    """Only what builds on nothing may be over before: another learner's whole step, shared with it."""
    for position in POSITIONS:
        over = [stage.last for stage in learner.stages(position)]
        assert over[-1]
        assert sum(over) == 1 or learner.lineage != "sequence"


def test_its_stages_are_of_the_catalogue(learner: Learner) -> None:
    assert all(STAGES[stage.kind] is type(stage) for position in POSITIONS for stage in learner.stages(position))


def test_it_comes_back_from_its_settings(learner: Learner) -> None:
    for one in (learner, small(learner)):
        assert learner_from(json.loads(json.dumps(one.settings()))) == one


def test_its_stages_come_back_from_theirs(learner: Learner) -> None:
    for position in POSITIONS:
        for stage in learner.stages(position):
            assert stage_from(json.loads(json.dumps(stage.settings()))) == stage


def test_the_same_learner_gives_the_same_stages(learner: Learner) -> None:
    assert [learner.stages(position) for position in POSITIONS] == [
        type(learner)().stages(position) for position in POSITIONS
    ]


def test_a_precision_reaches_every_stage(learner: Learner) -> None:
    half = learner.at_precision("bfloat16")
    assert all(stage.schedule.precision == "bfloat16" for position in POSITIONS for stage in half.stages(position))


def test_a_setting_that_it_does_not_have_is_refused(learner: Learner) -> None:
    settings = learner.settings()
    schedule = next(name for name in ("experience", "schedule", "like") if name in settings)
    inner = settings[schedule]["experience"] if schedule == "like" else settings[schedule]
    inner["learning_rat"] = 1.0
    with pytest.raises(AtlasError, match="Did you mean 'learning_rate'"):
        learner_from(settings)


PAST, NEWEST = ("digits", "piqa-twin"), "easy-vqa"


def test_its_declared_lineage_is_true(learner: Learner, learnt: Learnt, small_world: World, tmp_path: Path) -> None:
    """A step's result is the same for a permuted past, and for none, if and only if `lineage` declares it so."""
    found = {}
    for past in (PAST, PAST[::-1], PAST[:1], ()):
        known = (*past, NEWEST) == ORDER[:2]
        store = learnt.store if known else Store.open(str(tmp_path / "-".join(("to", *past))))
        steps = small_world.walk(*past, NEWEST, learner=small(learner))
        facts = small_world.learn(steps, store)
        found[past] = (steps[-1].key, contents(store, steps[-1]), outcome(facts[-1]))
    one, permuted, shorter, alone = found.values()
    assert (one == permuted) == (one[0] == permuted[0]) == (learner.lineage != "sequence")
    assert (one == shorter) == (one[0] == shorter[0]) == (learner.lineage == "none")
    assert (one == alone) == (one[0] == alone[0]) == (learner.lineage == "none")
    routed = learner.stages(1)[-1].told_before  # the weights of all tasks are those of each alone
    assert (one[1] != alone[1]) == (learner.lineage != "none" and not routed)


def test_it_learns_two_tasks_and_scores_what_it_has_seen(learnt: Learnt) -> None:
    last, facts = learnt.steps[1][-1], learnt.results[1][-1]
    assert list(facts.order) == list(last.order)
    assert set(facts.scores.latest.val) == set(last.order)
    assert facts.trained_parameters > 0


def test_the_route_own_keeps_what_a_task_was_learnt_with(learner: Learner, learnt: Learnt, small_world: World) -> None:
    """R on route `own` never changes for a learner that keeps what each task was learnt with; jointly all are new."""
    found = WalkResult(walk=learnt.walk, graph=WalkGraph(small_world.step_inputs))
    for steps, results in zip(learnt.steps, learnt.results, strict=True):
        for step, facts in zip(steps, results, strict=True):
            found.add(step, facts)
    R = found.matrix("val", "own")
    assert all(value == value for row, seen in zip(R, (1, 2, 3), strict=True) for value in row[:seen])
    if learner.name != "joint":
        assert [R[2][j] for j in range(3)] == [R[j][j] for j in range(3)]
        assert R[1][0] == R[0][0]


def test_the_backbone_is_given_back_as_it_was(learnt: Learnt, small_world: World) -> None:
    """Every step of a worker shares it."""
    backbone, before = small_world.worker_context.backbone, learnt.before
    after = backbone.state_dict()
    assert after.keys() == before.keys()
    assert [name for name, value in before.items() if not torch.equal(after[name], value)] == []
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in backbone.parameters())


def test_it_learns_at_half_precision_and_keeps_float32_or_finer(
    learner: Learner, small_world: World, store: Store
) -> None:
    steps = small_world.walk("digits", "easy-vqa", learner=small(learner).at_precision("bfloat16"))
    facts = small_world.learn(steps, store)
    assert all(math.isfinite(loss) for fact in facts for _, loss in fact.losses)
    assert {value.dtype for step in steps for value in weights(store, step).values()} <= {torch.float32, torch.float64}


def test_a_stack_of_its_answers_as_it_was_scored(learnt: Learnt, small_world: World) -> None:
    last, facts = learnt.steps[1][-1], learnt.results[1][-1]
    model = load_model(last, small_world.worker_context, learnt.store)
    found = {
        task: score(model, small_world.worker_context.data[task], "test", limit=16, group=ProcessGroup())
        for task in last.order
    }
    model.detach()
    assert found == facts.scores.latest.test


def test_it_says_where_it_comes_from_and_what_it_minimises(learner: Learner) -> None:
    text = type(learner).__doc__ or ""
    assert re.search(r"arXiv:\d+|METHOD, \d|\b(19|20)\d\d\)", text)
    assert re.search(r"min L|min over|out = ", text)
