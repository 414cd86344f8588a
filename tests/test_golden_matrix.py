"""The accuracy matrix of one small, fixed run. Where the arithmetic was changed on purpose, renew it by

python tests/test_golden_matrix.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from atlas.learners import Schedule
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult
from atlas.storage.score_names import SPLITS, TOLD
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.small import World, atlas, make_world, write_small_vilt
from tests.walks import walk

GOLDEN = Path(__file__).parent / "golden" / "matrix.json"
ORDER = ("digits", "easy-vqa")
RECORDS = 32
LIMITS = {"train": 400, "val": RECORDS, "test": RECORDS}
TOLERANCE = 2 * 100 / RECORDS
SCHEDULE = Schedule(steps=40, batch_size=16, learning_rate=1e-2, query_rate_factor=1.0)


def matrices(world: World, store: Store) -> dict[str, list[list[float | None]]]:
    """R by split and route. Digests of the data stand for it by name, so that seeds depend on this file alone."""
    worker_context = world.worker_context
    worker_context.backbone.digest = "golden"
    evaluation = Evaluation(val=RECORDS, test=RECORDS)
    step_inputs = StepInputs(backbone="golden", data={name: name for name in ORDER}, evaluation=evaluation)
    learner = atlas(experience=SCHEDULE, expansion=SCHEDULE, rank=8)
    found = WalkResult(walk=Walk(order=ORDER, learner=learner, seed=0), graph=WalkGraph(step_inputs))
    for stages in walk(ORDER, learner, 0, step_inputs):
        for step in stages:
            found.add(step, world.learn([step], store)[0])
    return {
        f"{split} {route}": [[None if value != value else value for value in row] for row in found.matrix(split, route)]
        for split in SPLITS
        for route in TOLD
    }


def fresh(folder: Path) -> dict[str, list[list[float | None]]]:
    """The matrices of a run in an empty folder."""
    (folder / "vilt").mkdir()
    world = make_world(write_small_vilt(folder / "vilt"), folder / "data", [TASKS[name] for name in ORDER], LIMITS)
    return matrices(world, Store.open(str(folder / "store")))


def test_the_accuracy_matrix_is_that_of_the_golden_run(tmp_path: Path) -> None:
    golden, found = json.loads(GOLDEN.read_text()), fresh(tmp_path)
    assert found.keys() == golden.keys()
    for name, matrix in golden.items():
        for row, expected in zip(found[name], matrix, strict=True):
            assert row == pytest.approx(expected, abs=TOLERANCE), f"{name}: renew it by python {__file__} if meant"


def test_the_golden_run_has_learnt_something() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert golden["val own"][1][0] > 2 * TASKS["digits"].chance


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        GOLDEN.write_text(json.dumps(fresh(Path(made)), indent=1) + "\n")
        print(GOLDEN.read_text())
