"""Walks whose keys `tests/golden/step_keys.json` records: of every learner, lineage and probe."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

from atlas.data.few_shot import Shots
from atlas.learners import LEARNERS, AdapterFusion, Learner, Schedule, SingleTaskAdapters, TwoStage
from atlas.learners.downstream import WAYS
from atlas.steps.probe import Probe
from atlas.steps.step import Evaluation, StepInputs
from atlas.steps.walk import Walk

TASKS = ("a", "b", "c", "d")
NAMES = (*TASKS, "probed", "naïve “task”")
STEP_INPUTS = StepInputs(
    backbone="b" * 64, data={name: name * 8 for name in NAMES}, evaluation=Evaluation(val=400, test=800)
)
WHOLE_SPLITS = StepInputs(backbone="0", data=STEP_INPUTS.data)
SHOTS = (None, Shots(count=64), Shots(count=4, per_class=True), Shots(fraction=0.05))
PROBES = tuple(Probe(task="probed", way=way, shots=shots) for shots in SHOTS for way in WAYS)
SCHEDULE = Schedule(steps=7, batch_size=8, learning_rate=3e-3, precision="bfloat16", patience=2)
CHANGED: dict[str, Learner] = {
    "atlas, changed": TwoStage(rank=4, experience=SCHEDULE, expansion=Schedule(epochs=3), adapter="lora"),
    "atlas, one stage": TwoStage(experience=None, expansion=SCHEDULE),
    "fused, changed": AdapterFusion(like=TwoStage(rank=3, expansion=SCHEDULE), composition=SCHEDULE),
    "alone, changed": SingleTaskAdapters(like=TwoStage(rank=3, expansion=SCHEDULE)),
}


def recorded_walks() -> Iterator[tuple[str, Walk, StepInputs]]:
    """Label, walk and inputs of each."""
    learners: dict[str, Any] = {**{name: kind() for name, kind in LEARNERS.items()}, **CHANGED}
    for name, learner in learners.items():
        for order in (*permutations(TASKS), TASKS[:1], ("naïve “task”", "a")):
            yield f"{name}, seed 0", Walk(order=order, learner=learner, seed=0), STEP_INPUTS
        yield f"{name}, seed 3, whole splits", Walk(order=TASKS, learner=learner, seed=3), WHOLE_SPLITS
    for name, learner in learners.items():
        if isinstance(learner, TwoStage):
            for order in ((), TASKS[:1], TASKS[:3]):
                yield f"{name}, probed", Walk(order=order, learner=learner, seed=1, probes=PROBES), STEP_INPUTS
