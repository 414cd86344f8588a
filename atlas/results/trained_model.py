"""The model that a trial ended with, put together from the storage, and its answers to records."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from atlas.report.summary import Summary, TrialRow
from atlas.runtime.errors import UserError
from atlas.serving.loaded_model import LoadedModel
from atlas.serving.model_record import ModelRecord, ServedTask, registered_name
from atlas.serving.registered_model import RegisteredModel, assemble
from atlas.tasks.reading.rgb import as_rgb
from atlas.tasks.sample import Record

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

    from atlas.data.card import DataCard
    from atlas.steps.step import Step
    from atlas.storage.filesystem import StoragePath
    from atlas.storage.store import Store

    Picture = Image | Path | bytes | str

FIELDS = ("task", "text", "image")


class TrainedModel:
    """A model with its backbone, in memory. `order`: its tasks as they were trained."""

    def __init__(self, model: RegisteredModel) -> None:
        """Raises UserError where the backbone here is another than the one that it was trained on."""
        self._folder = TemporaryDirectory(prefix="atlas-model-")  # some learners load weights again between answers
        assemble(model, Path(self._folder.name))
        self._loaded = LoadedModel(Path(self._folder.name))
        self.order: tuple[str, ...] = model.record.order

    def predict(
        self,
        records: pd.DataFrame | Iterable[Record | Mapping[str, object]],
        *,
        task: str = "",
        route: str = "latest",
    ) -> pd.DataFrame:
        """A row for each record: its `answer` (a class, or the number of a choice, from 0) and its `probability`.

        An answer that a model writes itself is a text, without a probability (NaN).

        `records` are a data frame, mappings or a task's own `Record`s; `task` is theirs where they do not name one.
        A mapping has `text` (a list where the task has choices) and `image`: a path, a PIL image, the bytes of a PNG or
        JPEG, or a list of these where the task has two. Route `latest` answers with the model as it was after the last
        task, `own` as it was after the record's own. `free` is as `latest`, and needs no task: the classes of all tasks
        whose pictures it compares with names (`--readout similarity`) compete.

        Raises:
            UserError: a task that was not trained, a column that does not exist, an image that cannot be read.
        """
        import pandas as pd

        if isinstance(records, pd.DataFrame):
            rows, index = records.to_dict("records"), records.index
        else:
            rows, index = list(records), None
        asked = pd.DataFrame([_request(row, task) for row in rows], columns=list(FIELDS), index=index)
        return self._loaded.predict(asked, route=route)


def load_trained_model(summary: Summary, row: TrialRow, storage: StoragePath) -> TrainedModel:
    """The model of a walk. Raises UserError where it did not finish, or its steps or data are not in the storage."""
    from atlas.storage.store import Store
    from atlas.sweep.best_model import templates_of

    if row.status != "FINISHED":
        raise UserError(f"the trial {row.id} of the sweep {summary.sweep.id} is {row.status}; name one that finished.")
    shared = summary.settings.get("sharing", True)
    scope = "" if shared else f"private/{row.id.partition('.')[0]}"
    store = replace(Store.at(str(storage / "store")), scope=scope)
    steps = _last_steps(row, store)
    templates = templates_of(steps.values())
    score = (
        {"val": summary.best.val, "test": summary.best.test} if summary.best and summary.best.trial == row.id else {}
    )
    record = ModelRecord(
        name=registered_name(summary.sweep.name),
        sweep=summary.sweep.id,
        backbone=summary.backbone,
        digest=summary.backbone_digest,
        order=tuple(steps),
        tasks={task: ServedTask.of(_card(task, summary, storage), templates.get(task, ())) for task in row.order},
        precision=next(iter(steps.values())).stage.schedule.precision,
        weights=next(iter(steps.values())).weights,
        figures=score,
    )
    return TrainedModel(
        RegisteredModel(record=record, folders={task: store.fetch(one.key) for task, one in steps.items()})
    )


def _last_steps(row: TrialRow, store: Store) -> dict[str, Step]:
    """The last step of each task of a walk's order. Raises UserError where one is not in the store."""
    from atlas.steps.step import step_from
    from atlas.sweep.best_model import last_steps

    described = (store.result(key).step for key in row.step_keys)
    steps = (step_from(step) for step in described if step is not None)
    return last_steps([[step] for step in steps if step.stage.last and not step.downstream])


def _card(task: str, summary: Summary, storage: StoragePath) -> DataCard:
    """The card of the data that a task was trained on. Raises UserError where it is not in the storage."""
    from atlas.data.card import CARD, read_card

    fingerprint, place = summary.tasks[task].fingerprint, storage / "data" / task
    for name in place.folders():
        folder = place / name
        card = read_card(folder.download(only=(CARD,)), folder.sizes())
        if card is not None and card.fingerprint == fingerprint:
            return card
    raise UserError(f"the data that {task} was trained on is not under {place}; `atlas prepare {task}` makes it again.")


def _request(row: Record | Mapping[str, object], task: str) -> dict[str, str]:
    """A record as `LoadedModel` takes it."""
    if isinstance(row, Record):
        pictures: Sequence[Picture] = [picture.open() for picture in row.pictures]
        return {"task": task, "text": _text(row.texts), "image": _images(pictures)}
    if strange := [name for name in row if name not in FIELDS]:
        raise UserError(f"a record has {strange[0]!r}; give {', '.join(FIELDS)}.")
    image = row.get("image")
    return {
        "task": str(row.get("task") or task),
        "text": _text(row.get("text")),
        "image": _images(image if isinstance(image, list | tuple) else [] if _is_empty(image) else [image]),
    }


def _is_empty(value: object) -> bool:
    """None, an empty text, or the NaN of a data frame."""
    return value is None or value == "" if not isinstance(value, float) else math.isnan(value)


def _text(texts: object) -> str:
    """One text as it is, several choices as a JSON list."""
    if isinstance(texts, list | tuple):
        return str(texts[0]) if len(texts) == 1 else json.dumps([str(text) for text in texts])
    return "" if _is_empty(texts) else str(texts)


def _images(images: Sequence[object]) -> str:
    """The images' base64: one as it is, several as a JSON list. A text is taken to be base64 already."""
    encoded = [one if isinstance(one, str) else base64.b64encode(_bytes(one)).decode() for one in images]
    return "" if not encoded else encoded[0] if len(encoded) == 1 else json.dumps(encoded)


def _bytes(image: object) -> bytes:
    """The bytes of an image's file. Raises UserError for what is none."""
    from PIL.Image import Image

    if isinstance(image, bytes):
        return image
    if isinstance(image, Path):
        try:
            return image.expanduser().read_bytes()
        except OSError as error:
            raise UserError(f"the image {image} cannot be read: {error.strerror}.") from error
    if isinstance(image, Image):
        held = io.BytesIO()
        as_rgb(image).image.save(held, format="PNG")
        return held.getvalue()
    raise UserError(f"an image is a {type(image).__name__}; give a pathlib.Path, a PIL image, bytes or base64.")
