"""Carry one step out: load what it builds on, learn, score, commit."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from atlas.backbones import load
from atlas.backbones.vilt import Backbone
from atlas.data.loader import open_split
from atlas.data.prepare import Prepared
from atlas.learners.evaluation import score
from atlas.learners.fit import fit
from atlas.learners.hooks import Lesson, Past, Recall
from atlas.learners.process_group import Group
from atlas.learners.stack import Stack
from atlas.learners.task_data import TaskData
from atlas.learners.trainer import Curve
from atlas.learners.training_state import NOWHERE, Waypoints
from atlas.runtime.errors import AtlasError
from atlas.runtime.retry import when_there_is_room
from atlas.steps.step import Step
from atlas.storage.store import Entry, Store


class MissingParent(AtlasError):
    """What a step builds on is not in the store (any more)."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker loads once: the backbone, the prepared tasks, and the processes it learns with.

    `run` names what it learns for: a step's facts tell it, so that who learnt a step is read from no clock.
    """

    backbone: Backbone
    data: Mapping[str, TaskData]
    group: Group = field(default_factory=Group)
    run: str = ""


def open_bench(backbone: str, prepared: Mapping[str, str], group: Group, run: str = "") -> Bench:
    """The bench for a backbone (name or folder) and the prepared folders of the tasks, by name."""
    model = load(backbone).to(group.device)
    data = {name: open_task(Path(path)) for name, path in prepared.items()}
    return Bench(backbone=model, data=data, group=group, run=run)


def open_task(path: Path) -> TaskData:
    """A prepared task, memory-mapped."""
    prepared = Prepared.load(path)
    card = prepared.card
    return TaskData(
        name=prepared.task,
        score=card["score"],
        outputs=card["outputs"],
        images=card["images"],
        splits={split: open_split(path, split) for split in prepared.counts},
    )


def advance(
    step: Step,
    bench: Bench,
    store: Store,
    on_update: Callable[[int, int], None] = lambda update, updates: None,
    waypoints: Waypoints = NOWHERE,
) -> dict[str, Any]:
    """Learn `step` and commit it, by rank 0 of the bench's group; gives the facts that the store keeps of it.

    `scores[route][split][task]` are in percent: route `latest` scores every task by the newest adapters and
    queries, route `own` by those that it was learnt with (METHOD, 4). Where `waypoints` hold one of the step, it is
    learnt on from there, to the same result; `resumed_at` are the updates from which it was.

    Raises:
        MissingParent: the store lacks a step that this one builds on.
        CorruptEntry: an entry that it builds on was altered; the store has put it aside.
        Diverged: the loss became NaN or infinite.
        AtlasError: the bench's backbone or data is not the step's.
    """
    _check_bench(step, bench)
    started, began = time.perf_counter(), time.time()
    stack = Stack(bench.backbone, *_head_sizes(bench))
    try:
        past = _load(stack, _past(step), store)
        step.stage.begin(stack, step.task, torch.Generator().manual_seed(step.random_seed("initialise")))
        recall = step.stage.recall(_lesson(step, stack, past, bench))
        curve = _fit(stack, step, bench, recall, on_update=on_update, waypoints=waypoints)
        remembered = recall.conclude()
        learnt = time.perf_counter() + waypoints.spent
        facts = {
            **_outcome(stack, step, curve, _scores(stack, step, bench, store)),
            **remembered,
            **waypoints.facts(),
            "cost": {"seconds": time.perf_counter() + waypoints.spent - started, "learning": learnt - started},
            "run": bench.run,
            "began": began,
            "ended": time.time(),
        }
        if bench.group.rank == 0:
            _commit(stack, step, store, facts, recall)
        waypoints.finish()
    finally:
        stack.detach()
    return facts


def restore(step: Step, bench: Bench, store: Store) -> Stack:
    """The model after `step`, as the store keeps it. Raises as `advance` does. Detach it when done."""
    _check_bench(step, bench)
    stack = Stack(bench.backbone, *_head_sizes(bench))
    _load(stack, [*_past(step), step], store)
    return stack


def _check_bench(step: Step, bench: Bench) -> None:
    if step.backbone != bench.backbone.digest:
        raise AtlasError(
            f"the step needs the backbone {step.backbone[:12]}, this worker has {bench.backbone.digest[:12]}; "
            f"give all workers the same folder or revision."
        )
    if missing := [task for task in step.order if task not in bench.data]:
        raise AtlasError(f"no prepared data here for {', '.join(missing)}; run `atlas prepare` where workers see it.")


def _head_sizes(bench: Bench) -> tuple[dict[str, int], dict[str, int]]:
    return (
        {name: data.outputs for name, data in bench.data.items()},
        {name: data.images for name, data in bench.data.items()},
    )


def _fit(
    stack: Stack,
    step: Step,
    bench: Bench,
    recall: Recall,
    *,
    on_update: Callable[[int, int], None],
    waypoints: Waypoints,
) -> Curve:
    torch.manual_seed(step.random_seed("forward"))
    return fit(
        stack,
        step.stage,
        bench.data[step.task],
        seed=step.random_seed("records"),
        group=bench.group,
        limit=step.evaluation.val,
        records=_records(step, bench.data[step.task]),
        on_update=on_update,
        recall=recall,
        waypoints=waypoints,
    )


def _entry(step: Step, store: Store) -> tuple[Path, Entry]:
    entry = store.find(step.key)
    if entry is None:
        raise MissingParent(f"{step.title} [{step.key[:12]}] is not in the store; it will be learnt again.")
    return store.fetch(entry, Path(tempfile.gettempdir()) / "atlas-fetched" / step.key), entry


def _past(step: Step) -> list[Step]:
    """What is to be loaded before `step`: every earlier task as its last stage left it, and this task's stages."""
    return [past for past in list(step.chain())[:-1] if past.stage.last or past.task == step.task]


def _load(stack: Stack, steps: Sequence[Step], store: Store) -> list[Past]:
    """Load what these steps brought, the oldest first; gives what the store holds of them."""
    newest = max((place for place, step in enumerate(steps) if step.stage.replaces), default=0)
    past: list[Past] = []
    for place, step in enumerate(steps):
        folder, entry = _entry(step, store)
        stack.load(step.task, folder, whole=place >= newest or not step.stage.replaces)
        past.append(Past(task=step.task, folder=folder, facts=entry.facts))
    return past


def _lesson(step: Step, stack: Stack, past: Sequence[Past], bench: Bench) -> Lesson:
    return Lesson(
        stack=stack,
        task=step.task,
        data=bench.data,
        group=bench.group,
        seed=step.random_seed,
        past=past,
        jointly=step.learns[:-1],
    )


def _records(step: Step, data: TaskData) -> torch.Tensor | None:
    """The training records that the step's shots choose: one draw a seed, whatever the stage and the past."""
    if step.shots is None:
        return None
    return step.shots.choose(data.splits["train"].targets, seed=step.seed)


def _scores(stack: Stack, step: Step, bench: Bench, store: Store) -> dict[str, dict[str, dict[str, float]]]:
    limits = {"val": step.evaluation.val, "test": step.evaluation.test}
    latest: dict[str, dict[str, float]] = {}
    for split, limit in limits.items():
        latest[split] = {
            task: score(stack, bench.data[task], split, limit=limit, group=bench.group) for task in step.scored
        }
    earlier = list(step.parent.chain()) if step.parent else []
    inherited = [store.find(parent.key) for parent in earlier if parent.stage.last]
    own: dict[str, dict[str, float]] = {}
    for split in limits:
        own[split] = {**(inherited[-1].facts["scores"]["own"][split] if inherited and inherited[-1] else {})}
        own[split] |= {task: latest[split][task] for task in step.learns}
    return {"latest": latest, "own": own}


def _outcome(stack: Stack, step: Step, curve: Curve, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "step": step.describe(),
        "title": step.title,
        "order": list(step.order),
        "scores": scores,
        "losses": curve.losses,
        "validations": curve.patience.scores,
        "updates": curve.updates,
        "records": curve.records,
        "trained_parameters": sum(value.numel() for value in stack.parameters() if value.requires_grad),
        "versions": {"torch": torch.__version__},
    }


def _commit(stack: Stack, step: Step, store: Store, facts: dict[str, Any], recall: Recall) -> None:
    with tempfile.TemporaryDirectory(prefix="atlas-step-") as folder:
        stack.save(step.task, Path(folder))
        recall.save(Path(folder))
        (Path(folder) / "result.json").write_text(json.dumps(facts, indent=1, sort_keys=True))
        when_there_is_room(lambda: store.commit(step.key, Path(folder), facts), f"the store {store.uri}")
