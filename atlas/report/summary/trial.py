"""A trial's walk in `summary.json`: its order, accuracy matrices, metrics and cost; the fusion weights of the best."""

from __future__ import annotations

from pydantic import Field, JsonValue, model_validator

from atlas.report.summary.base import AccuracyMatrix, RecordedMetric, Score, SummaryPart, TrialStatus
from atlas.storage.score_names import Route, Split


class WalkCost(SummaryPart):
    """The cost of a walk's steps as if nothing were shared; None where it is not known."""

    trained_parameters: int | None
    """The most that one step trained."""
    stored_parameters: int | None
    """What the store keeps of its tasks."""
    flops: float | None
    seconds: float | None


class TrialRow(SummaryPart):
    """One walk of a trial: an order of tasks, trained with one seed."""

    id: str
    """The trial's id; with a dot and a number where the trial has several walks."""
    order: tuple[str, ...]
    seed: int
    settings: dict[str, JsonValue]
    """The settings in which trials differ."""
    step_keys: tuple[str, ...]
    status: TrialStatus
    R: dict[Split, dict[Route, AccuracyMatrix]]
    """Accuracy matrices by split and route. `latest`: one evolving model; `own`: each task with the adapters that it
    was trained with; `free`, where it was scored: one evolving model that is not told the task, the classes of all
    tasks compete. `R[i][j]` is the score in percent on the order's j-th task after training its i-th: above the
    diagonal of a task to come, where those were scored."""
    metrics: dict[str, RecordedMetric]
    """`split/route/name` of `atlas.metrics`; `train/learning_speed` (of losses) and `val/learning_speed` (of scores
    taken while training) are means over tasks, in updates of a task's last stage."""
    free_before: dict[Split, tuple[Score | None, ...]] = Field(default_factory=dict)
    """The row R[0, ·] on route `free`: the bare backbone's scores on the order's tasks; absent where it has none."""
    error: str = ""
    stopped: str = ""
    """By what it was stopped before its time; absent where by nothing."""
    infeasible: str = ""
    """The constraint that its trial misses, so that it is not the best; absent where none."""
    cost: WalkCost | None = None

    @property
    def may_win(self) -> bool:
        """Whether it may be the best: it has finished, and keeps to the sweep's constraints."""
        return self.status == "FINISHED" and not self.infeasible

    @model_validator(mode="after")
    def _check_shapes(self) -> TrialRow:
        if len(set(self.order)) != len(self.order):
            raise ValueError(f"trial {self.id} has a task twice")
        tasks = len(self.order)
        for split, routes in self.R.items():
            for route, R in routes.items():
                if len(R) != tasks or any(len(row) != tasks for row in R):
                    raise ValueError(f"trial {self.id}: R.{split}.{route} is not {tasks} × {tasks}")
        if any(len(row) != tasks for row in self.free_before.values()):
            raise ValueError(f"trial {self.id}: a row of free_before has not {tasks} scores")
        return self


class FusionWeights(SummaryPart):
    """The mean fusion weights α of a step, over records of the task that it trained."""

    trial: str = ""
    step: str
    """The step's key."""
    task: str
    seed: int
    split: Split
    records: int
    sites: tuple[str, ...]
    adapters: tuple[str, ...]
    """The adapters by their tasks, oldest first."""
    mean: tuple[tuple[float, ...], ...]
    """α [sites, adapters]."""

    @model_validator(mode="after")
    def _check_shape(self) -> FusionWeights:
        rows, columns = len(self.sites), len(self.adapters)
        if not rows or not columns or len(self.mean) != rows or any(len(row) != columns for row in self.mean):
            raise ValueError(f"mean is not {rows} sites × {columns} adapters")
        return self
