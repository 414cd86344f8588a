"""Fusion weights α of a trained model: which earlier task is reused at which site.

α_i (METHOD, 2) weighs adapter i at one site for one sample. Its mean over the validation records of the task that
was just trained, by the adapters and queries that it was trained with (route `own`), is one row of a heat map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.report.summary import FusionWeights, Split, Summary, TrialRow
from atlas.runtime.errors import UserError
from atlas.steps.step import Step, step_from
from atlas.storage.filesystem import StoragePath

if TYPE_CHECKING:
    import torch

    from atlas.learners.continual_model import ContinualModel
    from atlas.steps.train import WorkerContext
    from atlas.storage.store import Store

RECORDS = 256
BATCH = 64
SPLIT: Split = "val"


class NoWeights(UserError):
    """The learner fuses no adapters."""


def step_fusion_weights(
    step: Step, worker_context: WorkerContext, store: Store, *, records: int = RECORDS
) -> FusionWeights:
    """The mean α of `step` over the first `records` of a seeded draw of its task's validation split.

    Of `dimension` weighting the mean over the features too; over all choices and pictures of a record, or of a text
    tower over the different texts of each batch.

    Raises:
        NoWeights: the step's learner fuses no adapters.
        UserError: `records` below 1; and what `atlas.steps.train.load_model` raises.
    """
    from atlas.steps.train import load_model

    if records < 1:
        raise UserError(f"records is {records}; give how many validation records to run, 1 or more.")
    model = load_model(step, worker_context, store)
    try:
        if step.task not in model.order:
            raise NoWeights(f"{step.title} has no adapter, so that there are no fusion weights to show.")
        model.activate(step.task)
        sums, rows, count = _run(model, step.task, worker_context, records)
        adapters = _adapters(model, step.task)
    finally:
        model.detach()
    return FusionWeights(
        step=step.key,
        task=step.task,
        seed=step.seed,
        split=SPLIT,
        records=count,
        sites=tuple(sums),
        adapters=adapters,
        mean=tuple(tuple(value / rows[site] for value in total.tolist()) for site, total in sums.items()),
    )


def sweep_fusion_weights(
    summary: Summary,
    storage: StoragePath | Path,
    worker_context: WorkerContext | None = None,
    *,
    records: int = RECORDS,
) -> tuple[FusionWeights, ...]:
    """`step_fusion_weights` of every task of a sweep's best trial, in its order, as the summary's key `alpha` holds it.

    Of the order alone: downstream tasks, trained on a few records, are left out.

    `storage` is the one that the sweep used; without a worker's context, backbone and data are loaded from there.

    Raises:
        NoWeights: its learner fuses no adapters.
        UserError: no trial finished, or its steps or data are not in the storage.
    """
    from atlas.storage.store import Store

    trial, storage = _best_trial(summary), StoragePath.at(storage)
    shared = summary.settings.get("sharing", True)
    scope = "" if shared else f"private/{trial.id.partition('.')[0]}"
    store = replace(Store.open(str(storage / "store")), scope=scope)
    steps = [step for step in _steps(trial, store) if step.stage.last and not step.downstream]
    worker_context = worker_context or _loaded(summary.backbone, steps, storage)
    found = (step_fusion_weights(step, worker_context, store, records=records) for step in steps)
    return tuple(one.model_copy(update={"trial": trial.id}) for one in found)


def _best_trial(summary: Summary) -> TrialRow:
    if summary.best_trial is None:
        raise UserError("no trial of this sweep finished, so that there is no best one to look into.")
    return summary.best_trial


def _steps(trial: TrialRow, store: Store) -> list[Step]:
    """The trial's steps, as the store describes them. Raises UserError where one is not there."""
    described = [store.result(key).step for key in trial.step_keys]
    return [step_from(step) for step in described if step is not None]


def _loaded(backbone: str, steps: list[Step], storage: StoragePath) -> WorkerContext:
    from atlas.learners.frozen_type import options_for
    from atlas.learners.process_group import ProcessGroup
    from atlas.steps.train import open_worker_context

    found = (options_for(backbone, one.stage.schedule.precision, one.weights) for one in steps)
    load_options = next(found, None)
    return open_worker_context(backbone, _prepared(steps, storage / "data"), ProcessGroup(), load_options=load_options)


def _prepared(steps: list[Step], data: StoragePath) -> dict[str, str]:
    """Task → the prepared folder that its steps were trained on, found by its fingerprint."""
    from atlas.data.prepared import find_by_fingerprint

    folders: dict[str, str] = {}
    for step in steps:
        (data / step.task).download()
        found = find_by_fingerprint(data.local, step.task, step.data)
        if found is None:
            raise UserError(
                f"the data that {step.task} was trained on is not under {data}; "
                f"prepare it again with `atlas prepare {step.task}`."
            )
        folders[step.task] = str(found)
    return folders


def _adapters(model: ContinualModel, task: str) -> tuple[str, ...]:
    config = model.adapters.config_of(task)
    return (*config.experience, task) if config.novel else tuple(config.experience)


def _run(
    model: ContinualModel, task: str, worker_context: WorkerContext, records: int
) -> tuple[dict[str, torch.Tensor], dict[str, int], int]:
    """Site → Σ α [t], site → the rows summed over (records × choices × pictures), and the records run."""
    import torch

    from atlas.data.loader import permutation

    split = worker_context.data[task].splits[SPLIT]
    chosen = permutation(len(split), seed=0, epoch=0)[:records].sort().values
    with torch.no_grad(), _summed(model) as (sums, rows):
        for indices in chosen.split(BATCH):
            model.pool(split.batch(indices).to(worker_context.group.device), task)
    return sums, rows, len(chosen)


@contextmanager
def _summed(model: ContinualModel) -> Iterator[tuple[dict[str, torch.Tensor], dict[str, int]]]:
    """Context in which α is summed at every site over all forward passes (two images take two)."""
    sums: dict[str, torch.Tensor] = {}
    rows: dict[str, int] = {}

    def add(name: str, layer: Any, output: torch.Tensor) -> None:
        alpha = layer.alpha.double()
        alpha = alpha.mean(2) if alpha.dim() == 3 else alpha
        samples = output.shape[0]  # a fixed α is one row for all samples
        total = alpha.expand(samples, -1).sum(0).cpu()
        sums[name] = sums[name] + total if name in sums else total
        rows[name] = rows.get(name, 0) + samples

    sites = model.adapters.sites().items()
    hooks = [
        layer.register_forward_hook(lambda layer, _, output, name=name: add(name, layer, output))
        for name, layer in sites
    ]
    with model.adapters.keep_combination_weights():
        try:
            yield sums, rows
        finally:
            for hook in hooks:
                hook.remove()
