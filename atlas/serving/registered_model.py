"""The best stack of a sweep as an MLflow model: registered with the alias `champion`, it answers batches of records.

The model holds adapters, heads and this package's code; of the backbone it holds name and digest alone.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import AtlasError, unknown

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from atlas.backbones.vilt import Backbone
    from atlas.learners.continual_model import ContinualModel

ALIAS = "champion"
ROUTES = ("own", "latest")
UNUSED = ("result.json", "fisher.safetensors")  # what a step keeps and an answer does not need


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A stack to register as version of the model `name`.

    `folders` are the store's entries of each task's last step, in the order learnt (of tasks that were learnt
    together the one entry); `tasks` what the cards say of each: outputs, images, choices, answers, text_tokens.
    `backbone` is a name or a folder, `digest` its weights'.
    """

    name: str
    sweep: str
    backbone: str
    digest: str
    folders: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, Any]]
    figures: Mapping[str, float]


def register(champion: RegisteredModel, tracking_uri: str, experiment: str) -> str:
    """Log and register the champion; gives `models:/<name>/<version>`. The alias `champion` then points to it.

    Raises what MLflow raises where the server refuses it.
    """
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(tracking_uri)
    client = MlflowClient(tracking_uri)
    mlflow.set_experiment(experiment)
    with tempfile.TemporaryDirectory(prefix="atlas-champion-") as folder:
        _assemble(champion, Path(folder))
        model = mlflow.pyfunc.log_model(
            name=champion.name,
            python_model=str(Path(__file__).with_name("mlflow_model.py")),
            artifacts={"stack": folder},
            code_paths=[str(Path(__file__).parents[1])],
            signature=_signature(),
            pip_requirements=[
                "mlflow",
                "torch",
                "transformers",
                "peft",
                "safetensors",
                "tokenizers",
                "pillow",
                "pyarrow",
            ],
            metadata={"sweep": champion.sweep, "order": " > ".join(champion.folders), "digest": champion.digest},
        )
    version = mlflow.register_model(model.model_uri, champion.name, tags={"sweep": champion.sweep})
    client.set_registered_model_alias(champion.name, ALIAS, version.version)
    return f"models:/{champion.name}/{version.version}"


def _assemble(champion: RegisteredModel, folder: Path) -> None:
    for task, entry in champion.folders.items():
        shutil.copytree(entry, folder / task, ignore=shutil.ignore_patterns(*UNUSED))
    facts = {name: value for name, value in asdict(champion).items() if name != "folders"}
    (folder / "stack.json").write_text(json.dumps({**facts, "order": list(champion.folders)}, indent=1))


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("string", name) for name in ("task", "text", "image")]),
        outputs=Schema([ColSpec("string", "answer"), ColSpec("double", "probability")]),
        params=ParamSchema([ParamSpec("route", "string", "own")]),
    )


class LoadedModel:
    """A registered stack, loaded: answers records of the tasks it has learnt."""

    def __init__(self, folder: Path) -> None:
        """Raises AtlasError where the backbone is not the one that the stack was learnt on."""
        from atlas.backbones import load
        from atlas.learners.continual_model import ContinualModel

        self.folder, self.loaded = folder, 0
        self.facts = json.loads((folder / "stack.json").read_text())
        self.backbone: Backbone = load(self.facts["backbone"])
        if self.backbone.digest != self.facts["digest"]:
            raise AtlasError(
                f"the stack was learnt on the backbone {self.facts['digest'][:12]}, {self.facts['backbone']} is now "
                f"{self.backbone.digest[:12]}; install the one it was learnt on."
            )
        tasks = self.facts["tasks"]
        outputs = {name: task["outputs"] for name, task in tasks.items()}
        self.model: ContinualModel = ContinualModel(
            self.backbone, outputs, {name: task["images"] for name, task in tasks.items()}
        )
        self.tuned = any((folder / task / "backbone.safetensors").is_file() for task in self.facts["order"])
        self._load(len(self.facts["order"]))

    def predict(self, records: pd.DataFrame, route: str = "own") -> pd.DataFrame:
        """One row a record: its `answer` (a class, or the number of a choice, from 0) and that one's `probability`.

        `records` has the columns `task`; `text` (where the task has choices, a JSON list of them); `image` (base64
        of a PNG or JPEG, a JSON list where the task has two, empty where it has none).

        Raises:
            AtlasError: a task that was not learnt, an image that cannot be read, an unknown route.
        """
        import pandas as pd

        if route not in ROUTES:
            raise unknown("route", route, ROUTES)
        rows = [self._answer(dict(record), route) for _, record in records.iterrows()]
        return pd.DataFrame(rows, index=records.index, columns=["answer", "probability"])

    def _answer(self, record: Mapping[str, Any], route: str) -> tuple[str, float]:
        import torch

        task = record["task"]
        if task not in self.facts["tasks"]:
            raise unknown("task", task, self.facts["tasks"])
        self._take(task, route)
        card = self.facts["tasks"][task]
        with torch.no_grad():
            logits = self.model(self._batch(record, card), task)[0]
        best = int(logits.argmax())
        return (card["answers"] or list(map(str, range(len(logits)))))[best], float(logits.softmax(0)[best])

    def _take(self, task: str, route: str) -> None:
        """Have the stack be what `route` asks of it; a backbone that was tuned is loaded as it was after `task`."""
        order = self.facts["order"]
        own = task if route == "own" and task in order else order[-1]
        if self.tuned and order.index(own) + 1 != self.loaded:
            self._load(order.index(own) + 1)
        self.model.activate(own)

    def _load(self, count: int) -> None:
        """The stack as it was after so many tasks."""
        self.model.detach()
        for task in self.facts["order"][:count]:
            self.model.load(task, self.folder / task)
        self.loaded = count

    def _batch(self, record: Mapping[str, Any], card: Mapping[str, Any]) -> Any:
        import numpy as np
        import torch

        from atlas.data.loader import Batch

        processor = self.backbone.processor
        texts = json.loads(record["text"]) if card["choices"] > 1 else [record["text"] or "this is an image ."]
        pictures = [processor.pixels(_image(text)) for text in _images(record.get("image"))]
        pictures = pictures or [processor.blank()] * card["images"]
        rows, _ = processor.token_rows(texts)
        width = max(card["text_tokens"], int((rows != processor.pad_id).sum(1).max()))  # as wide as it was learnt
        tokens = torch.from_numpy(rows[None, :, :width]).long()
        return Batch(
            pixels=torch.from_numpy(np.stack(pictures))[None],
            tokens=tokens,
            mask=tokens != processor.pad_id,
            targets=torch.zeros(1, dtype=torch.long),
        )


def _images(value: Any) -> Sequence[str]:
    if not isinstance(value, str) or not value:
        return []
    return list(json.loads(value)) if value.startswith("[") else [value]


def _image(text: str) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    except (UnidentifiedImageError, ValueError) as error:
        raise AtlasError(f"an image of {len(text)} characters is not the base64 of a PNG or JPEG.") from error
