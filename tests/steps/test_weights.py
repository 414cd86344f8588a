"""The type of frozen weights in steps: part of the key where it is not the precision's usual one, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.backbones.load_options import LoadOptions
from atlas.cluster.options import Weights
from atlas.learners import HeadOnly, Precision
from atlas.learners.frozen_type import frozen_type
from atlas.learners.process_group import ProcessGroup
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, Step, StepInputs, step_from
from atlas.steps.train import WrongWorker, load_model, open_worker_context
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.tasks import find_task
from tests.backbones.generative.checkpoints import write_smolvlm
from tests.small import make_world

PLAIN = StepInputs(backbone="b", data={"a": "1", "b": "2"}, evaluation=Evaluation(val=8, test=8))
# as they were before weights were part of keys
KEYS = {"float32": "c6536c02d9b174cd", "bfloat16": "accfec24207edb02"}


def last(weights: Weights = "auto", precision: Precision = "float32") -> Step:
    walk = Walk(order=("a", "b"), learner=HeadOnly().at_precision(precision), seed=0)
    return list(WalkGraph(replace(PLAIN, weights=weights)).every_step(walk))[-1]


@pytest.mark.parametrize(("precision", "usual"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_the_usual_weights_of_a_precision_change_no_key(precision: Precision, usual: Weights) -> None:
    assert last("auto", precision) == last(usual, precision)
    assert last("auto", precision).key.startswith(KEYS[precision])
    assert "weights" not in last(usual, precision).describe()


def test_every_other_type_of_weights_is_another_step() -> None:
    keys = {last(one).key for one in ("auto", "float32", "bfloat16", "8-bit", "4-bit")}
    assert len(keys) == 4
    assert last("float32", "bfloat16").key != last("auto", "bfloat16").key
    assert (frozen_type("float16"), frozen_type("bfloat16"), frozen_type("float32", "4-bit")) == (
        "float32",
        "bfloat16",
        "4-bit",
    )


def test_a_step_says_its_weights_where_they_are_others() -> None:
    step = last("4-bit")
    described = json.loads(json.dumps(step.describe()))
    assert described["weights"] == "4-bit"
    assert step_from(described) == step
    assert step_from(described).key == step.key


def test_a_worker_refuses_a_step_of_other_weights(tmp_path: Path) -> None:
    world = make_world(write_smolvlm(tmp_path / "smolvlm"), tmp_path, [find_task("digits")], {"train": 8, "val": 8})
    inputs = replace(PLAIN, backbone=world.worker_context.backbone.digest, data={"digits": "1"}, weights="bfloat16")
    (step,) = WalkGraph(inputs).every_step(Walk(order=("digits",), learner=HeadOnly(), seed=0))
    store = Store.open(str(tmp_path / "store"))
    with pytest.raises(WrongWorker, match="needs frozen weights in bfloat16, this worker has them in float32"):
        load_model(step, world.worker_context, store)
    coarse = open_worker_context(
        str(tmp_path / "smolvlm"), {}, ProcessGroup(), load_options=LoadOptions(weights="bfloat16")
    )
    with pytest.raises(WrongWorker, match="no prepared data"):
        load_model(step, coarse, store)
