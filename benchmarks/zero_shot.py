"""What a backbone scores zero-shot on each offline task that its readout can answer: the table of its card.

    python benchmarks/zero_shot.py [--backbone clip-tiny] [--records 500] [--tasks TASK …]
    python benchmarks/zero_shot.py --backbone vlm-tiny --readout generation

Nothing is trained. Records are the first ones of each task's test split.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.data.prepare import PrepareOptions, prepare
from atlas.learners import ZeroShot
from atlas.learners.readouts import ANSWERS, SIMILARITY
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, StepInputs
from atlas.steps.train import WorkerContext, open_task, train_step
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.tasks import TASKS, Task

FEWEST = 32  # records of the splits that are not scored


def zero_shot(task: Task, backbone: Backbone, *, readout: str, records: int, root: Path) -> float:
    """The score on the first test records of a task, in percent."""
    limits = {"train": FEWEST, "val": FEWEST, "test": records}
    options = PrepareOptions(ray=False)
    prepared = prepare(task, processor=backbone.processor, root=root / "data", limits=limits, prepare_options=options)
    data = {task.name: prepared.fingerprint}
    inputs = StepInputs(backbone=backbone.digest, data=data, evaluation=Evaluation(val=FEWEST, test=records))
    learner = ZeroShot() if readout == SIMILARITY else ZeroShot().with_readout(readout)
    ((step,),) = WalkGraph(inputs).steps(Walk(order=(task.name,), learner=learner, seed=0))
    context = WorkerContext(backbone=backbone, data={task.name: open_task(prepared.path)})
    return train_step(step, context, Store.open(str(root / "store"))).scores.latest.test[task.name]


def answerable(task: Task, readout: str) -> bool:
    """Whether the readout gives answers of the task's kind; `similarity` takes an image, too."""
    return task.answer_kind in ANSWERS[readout] and (readout != SIMILARITY or task.modality != "language")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="clip-tiny")
    parser.add_argument("--readout", default=SIMILARITY, choices=sorted(ANSWERS))
    parser.add_argument("--records", type=int, default=500)
    parser.add_argument("--tasks", nargs="+", default=[task.name for task in TASKS.values() if task.layout is None])
    given = parser.parse_args()
    backbone = load(given.backbone)
    offline = [TASKS[name] for name in given.tasks if answerable(TASKS[name], given.readout)]
    print("| task | guessing | zero-shot |\n| --- | --- | --- |")
    for task in offline:
        with tempfile.TemporaryDirectory() as root:
            score = zero_shot(task, backbone, readout=given.readout, records=given.records, root=Path(root))
        print(f"| {task.name} | {task.chance:.1f} | {score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
