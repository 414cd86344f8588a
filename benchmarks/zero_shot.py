"""What a backbone scores zero-shot on each offline task that its readout can answer: the table of its card.

    python benchmarks/zero_shot.py [--backbone clip-tiny] [--records 500] [--tasks TASK …]
    python benchmarks/zero_shot.py --backbone vlm-tiny --readout generation

Nothing is trained. Records are the first ones of each task's test split.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.data.prepare import PrepareOptions, prepare
from atlas.learners import ZeroShot
from atlas.learners.readouts import ANSWERS, SIMILARITY
from atlas.runtime.errors import UserError
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, StepInputs
from atlas.steps.train import WorkerContext, open_task, train_step
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.sweep.inputs import templates_of
from atlas.tasks import TASKS, Task, find_task

FEWEST = 32  # records of the splits that are not scored


def zero_shot(task: Task, backbone: Backbone, *, readout: str, records: int, root: Path) -> float:
    """The score on the first test records of a task, in percent."""
    limits = {"train": FEWEST, "val": FEWEST, "test": records}
    options = PrepareOptions(ray=False)
    prepared = prepare(task, processor=backbone.processor, root=root / "data", limits=limits, prepare_options=options)
    data = {task.name: prepared.fingerprint}
    evaluation, templates = Evaluation(val=FEWEST, test=records), templates_of([task])
    inputs = StepInputs(backbone=backbone.digest, data=data, evaluation=evaluation, templates=templates)
    learner = ZeroShot() if readout == SIMILARITY else ZeroShot().with_readout(readout)
    ((step,),) = WalkGraph(inputs).steps(Walk(order=(task.name,), learner=learner, seed=0))
    context = WorkerContext(backbone=backbone, data={task.name: open_task(prepared.path)})
    return train_step(step, context, Store.open(str(root / "store"))).scores.latest.test[task.name]


def answerable(task: Task, readout: str) -> bool:
    """Whether the readout gives answers of the task's kind; `similarity` takes an image, too."""
    return task.answer_kind in ANSWERS[readout] and (readout != SIMILARITY or task.modality != "language")


def chosen(names: Sequence[str] | None, readout: str) -> list[Task]:
    """The tasks of these names, or all offline ones that the readout answers.

    Raises UserError for an unknown name, and for a task that the readout does not answer.
    """
    if names is None:
        return [task for task in TASKS.values() if task.layout is None and answerable(task, readout)]
    tasks = [find_task(name) for name in names]
    if silent := [task.name for task in tasks if not answerable(task, readout)]:
        raise UserError(f"the readout {readout!r} does not answer {', '.join(silent)}; leave them out of --tasks.")
    return tasks


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="clip-tiny")
    parser.add_argument("--readout", default=SIMILARITY, choices=sorted(ANSWERS))
    parser.add_argument("--records", type=int, default=500)
    parser.add_argument("--tasks", nargs="+", help="by default all offline tasks that the readout answers")
    given = parser.parse_args()
    try:
        tasks = chosen(given.tasks, given.readout)
    except UserError as error:
        parser.error(str(error))
    backbone = load(given.backbone)
    print("| task | guessing | zero-shot |\n| --- | --- | --- |")
    for task in tasks:
        with tempfile.TemporaryDirectory() as root:
            score = zero_shot(task, backbone, readout=given.readout, records=given.records, root=Path(root))
        print(f"| {task.name} | {task.chance:.1f} | {score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
