"""A registered model, loaded: it answers batches of records of the tasks that it was trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError, unknown
from atlas.serving.model_record import ModelRecord
from atlas.serving.request import Request

if TYPE_CHECKING:
    import pandas as pd

    from atlas.backbones.backbone import Backbone
    from atlas.learners.continual_model import ContinualModel

ROUTES = ("own", "latest")


class LoadedModel:
    """A continual model with its backbone, put together from a registered model's folder."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where the backbone is not the one that the model was trained on."""
        from atlas.backbones import load
        from atlas.backbones.processor import Processor
        from atlas.learners.continual_model import ContinualModel

        self.folder, self.loaded = folder, 0
        self.record = record = ModelRecord.read(folder)
        self.backbone: Backbone = load(record.backbone)
        if self.backbone.digest != record.digest:
            raise UserError(
                f"the model was trained on the backbone {record.digest[:12]}, {record.backbone} is now "
                f"{self.backbone.digest[:12]}; install the one it was trained on."
            )
        self.model: ContinualModel = ContinualModel(
            self.backbone, {name: task.form(name) for name, task in record.tasks.items()}
        )
        lengths = {task.max_tokens for task in record.tasks.values()}
        self.processors = {
            length: Processor.load(self.backbone.processor.folder, max_tokens=length) for length in lengths
        }
        changes = ("backbone.safetensors", "heads")  # of the backbone, and of earlier tasks' heads
        self.changing = any((folder / task / name).exists() for task in record.order for name in changes)
        self._load(len(record.order))

    def predict(self, records: pd.DataFrame, route: str = "own") -> pd.DataFrame:
        """A row for each record: its `answer` (a class, or the number of a choice, from 0) and its `probability`.

        An answer that a model writes itself is a text, without a probability (NaN).

        `records` has the columns task, text and image of a `Request`. The route `own` answers with the model as it was
        after the record's task, `latest` as it was after the last.

        Raises:
            UserError: a task that was not trained, an image that cannot be read, an unknown route.
        """
        import pandas as pd

        if route not in ROUTES:
            raise unknown("route", route, ROUTES)
        rows = [self._answer(_request(record), route) for _, record in records.iterrows()]
        return pd.DataFrame(rows, index=records.index, columns=["answer", "probability"])

    def _answer(self, request: Request, route: str) -> tuple[str, float]:
        import torch

        from atlas.learners.precision import autocast

        if request.task not in self.record.tasks:
            raise unknown("task", request.task, self.record.tasks)
        task = self.record.tasks[request.task]
        self._activate(request.task, route)
        batch = request.batch(task, self.processors[task.max_tokens]).to(self.model.device)
        with torch.no_grad(), autocast(self.model.device, self.record.precision):
            if self.model.readout(request.task).writes:
                return self.model.write(batch, request.task)[0], math.nan
            logits = self.model(batch, request.task)[0].float()
        best = int(logits.argmax())
        answer = task.answers[best] if task.answers else str(best)
        return answer, float(logits.softmax(0)[best])

    def _activate(self, task: str, route: str) -> None:
        """Activate the adapters of a route; what later tasks have changed is loaded as it was at it."""
        order = self.record.order
        own = task if route == "own" and task in order else order[-1]
        if self.changing and order.index(own) + 1 != self.loaded:
            self._load(order.index(own) + 1)
        self.model.activate(own)

    def _load(self, count: int) -> None:
        """Load the model as it was after so many tasks."""
        self.model.detach()
        for task in self.record.order[:count]:
            self.model.load(task, self.folder / task)
        self.loaded = count


def _request(record: pd.Series) -> Request:
    """A row of a data frame; an empty cell is None or NaN."""
    texts = {name: record.get(name) for name in ("text", "image")}
    return Request(
        task=record["task"], **{name: value if isinstance(value, str) else "" for name, value in texts.items()}
    )
