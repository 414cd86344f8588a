"""Telling MLflow: the tracker's actor, and what it is told of trials and steps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from atlas.data.prepare import Prepared
from atlas.runtime.errors import AtlasError
from atlas.runtime.text import first_line
from atlas.search.trial_record import TrialRecord
from atlas.serving.registered_model import RegisteredModel
from atlas.steps.step import Step
from atlas.storage.store import Store
from atlas.sweep.summary import FinishedSweep
from atlas.tracking import Tracker, credentials

EXPERIMENT = "atlas"
POLITE = 10  # the writer's niceness: it shares its node with what learns, and nobody waits for it


class MlflowWriter:
    """The actor that holds the tracker, the one writer to MLflow; killed, it comes back and replays its spool."""

    def __init__(self, tracking_uri: str, spool: Path, credentials: Mapping[str, str]) -> None:
        """`credentials` are variables of the environment; not a runtime environment's, since Ray shows those."""
        os.environ.update(credentials)
        os.nice(POLITE)
        self.tracker = Tracker(tracking_uri, EXPERIMENT, spool)

    def tell(self, what: str, *arguments: Any) -> None:
        """Call the tracker's method of that name."""
        getattr(self.tracker, what)(*arguments)

    def finish(self, timeout: float) -> bool:
        """Flush and close; False where MLflow has not taken everything yet (the rest stays in the spool)."""
        return self.tracker.close(timeout)

    def problems(self) -> list[str]:
        """What MLflow refused for good."""
        return list(self.tracker.problems)

    def register_model(self, champion: RegisteredModel, tracking_uri: str) -> str:
        """Log the best stack as a model and register it; gives its URI. Raises AtlasError where MLflow is away."""
        from atlas.serving.registered_model import register

        if not self.tracker.flush(60.0):
            raise AtlasError("MLflow has not taken the steps yet, of which the model is made")
        return register(champion, tracking_uri, EXPERIMENT)


def start_mlflow_writer(tracking_uri: str, spool: Path) -> Any:
    """The scribe, on this node, where the spool and the default database are."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    return ray.remote(MlflowWriter).options(**options).remote(tracking_uri, spool, credentials())


@dataclass
class MlflowReporter:
    """Listens to the trials of a sweep and passes on what is new."""

    mlflow_writer: Any
    sweep_id: str
    store: Store
    prepared: Mapping[str, Prepared]
    sharing: bool = True
    _told: set[str] = field(default_factory=set)
    _finished: set[str] = field(default_factory=set)

    def trial_changed(self, record: TrialRecord, taken: list[Step]) -> None:
        """Open, advance or close the trial's run, and log the steps that no trial has brought yet."""
        if record.id not in self._told:
            self._told.add(record.id)
            self.mlflow_writer.tell.remote("trial_started", self.sweep_id, record.id, record.params)
        for step in taken:
            self.tell_step(step, scope=record.scope(self.sharing))
            figures = record.figures if step is taken[-1] else {}
            self.mlflow_writer.tell.remote("trial_step", self.sweep_id, record.id, step.key, record.tasks_seen, figures)
        if record.status in ("FINISHED", "FAILED", "KILLED") and record.id not in self._finished:
            self._finished.add(record.id)
            self.mlflow_writer.tell.remote("trial_finished", self.sweep_id, record.id, record.status, record.figures)

    def tell_step(self, step: Step, scope: str = "") -> None:
        """Log the step's run, unless this sweep has already."""
        if step.key in self._told:
            return
        self._told.add(step.key)
        store = replace(self.store, scope=scope)
        entry = store.find(step.key)
        if entry is not None:
            folder = store.fetch(entry, Path(gettempdir()) / "atlas-fetched" / step.key)
            self.mlflow_writer.tell.remote("step_finished", step.key, self._step_facts(step, dict(entry.facts), folder))

    def _step_facts(self, step: Step, facts: dict[str, Any], folder: Path) -> dict[str, Any]:
        scores = {
            f"{split}/{route}/{task}": value
            for route, splits in facts["scores"].items()
            for split, tasks in splits.items()
            for task, value in tasks.items()
        }
        adapter = folder / "adapter"
        tags = {"task": step.task, "stage": step.stage.kind, "seed": str(step.seed), "kind": "step"}
        for name in ("resumed_at", "workers"):  # where it was cut off, and by how many it was learnt where that changed
            if name in facts:
                tags[name] = ", ".join(map(str, facts[name]))
        return {
            "name": step.title,
            "sweep": self.sweep_id,
            "settings": {"stage": step.stage.settings(), "seed": step.seed, "order": " > ".join(step.order)},
            "tags": tags,
            "curves": {"loss": facts["losses"], "validation": facts["validations"]},
            "scores": {**scores, **{f"cost/{name}": value for name, value in facts["cost"].items()}},
            "position": len(step.order) - 1,
            "started": facts["began"],
            "ended": facts["ended"],
            "datasets": [self._dataset(step.task)],
            **({"adapter": str(adapter)} if adapter.is_dir() else {}),
        }

    def _dataset(self, task: str) -> dict[str, Any]:
        prepared = self.prepared[task]
        return {
            "name": task,
            "fingerprint": prepared.fingerprint,
            "source": {"folder": str(prepared.path), "counts": prepared.counts, "licence": prepared.card["licence"]},
            "source_type": "local",
            "context": "train",
        }


def sweep_figures(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """The sweep's own metrics: the best trial, the statistics over orders, what sharing saved."""
    figures = {f"ledger/{name}": value for name, value in summary["ledger"].items()}
    if summary["best"]:
        figures |= {f"best/{split}/{_goal(summary)}": summary["best"][split] for split in ("val", "test")}
    for found in summary["orders"]:
        if len({str(other["settings"]) for other in summary["orders"]}) == 1:
            place = f"{found['split']}/{found['route']}"
            figures |= {f"orders/{place}/{name}": found[name] for name in ("aopd", "mopd")}
            figures |= {f"orders/{place}/opd/{task}": value for task, value in found["opd"].items()}
    return figures


def _goal(summary: Mapping[str, Any]) -> str:
    return "downstream_mean" if summary["best"].get("goal") == "downstream" else "average_accuracy"


def best_model_of(ended: FinishedSweep, summary: Mapping[str, Any]) -> RegisteredModel | None:
    """The best trial's stack; None where no trial finished."""
    if not summary["best"]:
        return None
    row = next(row for row in summary["trials"] if row["id"] == summary["best"]["trial"])
    record = next(record for record in ended.trials if record.id == row["id"].partition(".")[0])
    store = replace(ended.inputs.store, scope=record.scope(ended.options.sharing))
    walk = next(walk for walk in record.walks if (list(walk.order), walk.seed) == (row["order"], row["seed"]))
    last = model_of(walk.steps(ended.inputs.step_inputs))
    names = ("outputs", "images", "choices", "answers", "text_tokens")
    return RegisteredModel(
        name=f"atlas-{ended.sweep['name']}",
        sweep=ended.sweep["id"],
        backbone=ended.options.backbone,
        digest=ended.inputs.step_inputs.backbone,
        folders={task: str(store.fetch(step.key, Path(gettempdir()) / step.key)) for task, step in last.items()},
        tasks={task: {name: ended.inputs.prepared[task].card[name] for name in names} for task in walk.order},
        figures={split: summary["best"][split] for split in ("val", "test")},
    )


def model_of(walked: Sequence[Sequence[Step]]) -> dict[str, Step]:
    """The steps that a walk's stack is made of: each task's last, or the one that learnt all jointly."""
    steps = [stages[-1] for stages in walked]
    return {step.task: step for step in (steps[-1:] if steps[-1].joint_tasks else steps)}


def registered_uri(promise: Any) -> str:
    """The model's URI; why there is none where MLflow did not take it. The sweep has ended well all the same."""
    import ray

    try:
        return str(ray.get(promise))
    except ray.exceptions.RayTaskError as error:
        return f"not registered: {first_line(error.cause)}"
