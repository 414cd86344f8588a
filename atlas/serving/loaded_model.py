"""A registered model, loaded: it answers batches of records of the tasks that it was trained on."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.learners.readouts import PROMPTED_SIMILARITY, ROUTED_SIMILARITY, SIMILARITY
from atlas.runtime.errors import UserError, unknown
from atlas.serving.model_record import ModelRecord
from atlas.serving.request import Request

if TYPE_CHECKING:
    import pandas as pd

    from atlas.backbones.backbone import Backbone
    from atlas.learners.continual_model import ContinualModel
    from atlas.learners.label_space import LabelSpace

FREE = "free"
ROUTES = ("own", "latest", FREE)


class LoadedModel:
    """A continual model with its backbone, put together from a registered model's folder."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where the backbone is not the one that the model was trained on, or cannot be had so."""
        from atlas.backbones import load
        from atlas.backbones.processor import Processor
        from atlas.learners.continual_model import ContinualModel
        from atlas.learners.frozen_type import options_for

        self.folder, self.loaded = folder, 0
        self.record = record = ModelRecord.read(folder)
        self.backbone: Backbone = load(record.backbone, options_for(record.backbone, record.precision, record.weights))
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
        after the record's task, `latest` as it was after the last. `free` does so too, and needs no task: the classes
        of all tasks whose pictures it compares with names compete.

        Raises:
            UserError: a task that was not trained, an image that cannot be read, an unknown route, or `free` of a model
                that has no such tasks.
        """
        import pandas as pd

        if route not in ROUTES:
            raise unknown("route", route, ROUTES)
        rows = [self._answer(_request(record), route) for _, record in records.iterrows()]
        return pd.DataFrame(rows, index=records.index, columns=["answer", "probability"])

    def _answer(self, request: Request, route: str) -> tuple[str, float]:
        import torch

        from atlas.learners.adapter_router import routed_logits
        from atlas.learners.precision import autocast

        if route == FREE:
            return self._free_answer(request)
        if not request.task:
            raise UserError(
                f"a record names no task; give one of {', '.join(self.record.tasks)}, or the route {FREE} where "
                "pictures are compared with names."
            )
        if request.task not in self.record.tasks:
            raise unknown("task", request.task, self.record.tasks)
        task = self.record.tasks[request.task]
        self._activate(request.task, route)
        self.model.told = route == "own"
        batch = request.batch(task, self.processors[task.max_tokens]).to(self.model.device)
        with torch.no_grad(), autocast(self.model.device, self.record.precision):
            if self.model.readout(request.task).writes:
                return self.model.write(batch, request.task)[0], math.nan
            logits = routed_logits(self.model, batch, request.task)[0].float()
        best = int(logits.argmax())
        answer = task.answers[best] if task.answers else str(best)
        return answer, float(logits.softmax(0)[best])

    def _free_answer(self, request: Request) -> tuple[str, float]:
        """The likeliest class of all tasks, and the probability of all classes with its words."""
        import torch

        from atlas.learners.precision import autocast

        self._activate(self.record.order[-1], "latest")
        self.model.told = False
        space = self._label_space
        name, *_ = space.answers
        task = self.record.tasks[name]
        batch = replace(request, text="").batch(task, self.processors[task.max_tokens]).to(self.model.device)
        with torch.no_grad(), autocast(self.model.device, self.record.precision):
            likely = (math.exp(space.backbone.log_scale) * space.cosines(batch)[0].float()).softmax(0)
        best = int(likely.argmax())
        named = [answer for answers in space.answers.values() for answer in answers]
        return named[best], float(likely[space.words == space.words[best]].sum())

    @cached_property
    def _label_space(self) -> LabelSpace:
        """The classes of all tasks that it names pictures by. Raises UserError where there are none."""
        from atlas.learners.label_space import LabelSpace

        tasks = self.record.tasks
        answers = {
            name: tasks[name].answers for name in tasks if tasks[name].modality == "vision" and self._compares(name)
        }
        if not answers:
            raise UserError(
                "this model names no pictures by what they are like, so that route free has no answers: give each "
                "record its task, and the route latest or own."
            )
        return LabelSpace(self.model, answers, self.record.precision)

    def _compares(self, task: str) -> bool:
        """Whether it answers a task by similarity to the names of classes, and need not be told which task it is."""
        told = any(self.model.composition(name).by_task for name in self.model.compositions)
        named = self.model.readout(task).name in (SIMILARITY, PROMPTED_SIMILARITY, ROUTED_SIMILARITY)
        return named and not told and self.record.tasks[task].kind == "classes"

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
    texts = {name: record.get(name) for name in ("task", "text", "image")}
    return Request(**{name: value if isinstance(value, str) else "" for name, value in texts.items()})
