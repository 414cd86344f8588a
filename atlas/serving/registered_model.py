"""Registering the best trial's model in MLflow, with the alias `champion`.

The model holds adapters, heads and this package's code; of the backbone it holds name and digest alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.serving.model_record import ModelRecord
from atlas.tracking.mlflow.internals import requirements_unchecked

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

ALIAS = "champion"
UNUSED = ("result.json", "fisher.safetensors")  # files of a step that inference does not need
REQUIREMENTS = ("mlflow", "torch", "transformers", "peft", "safetensors", "tokenizers", "pillow", "pyarrow", "pydantic")


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A model to register: its record, and for each task of its order the folder of that step in the store."""

    record: ModelRecord
    folders: Mapping[str, Path]


def register(model: RegisteredModel, tracking_uri: str, experiment: str) -> str:
    """Log and register the model; gives `models:/<name>/<version>`. The alias `champion` then points to it.

    Raises what MLflow raises where the server refuses it.
    """
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(tracking_uri)
    client = MlflowClient(tracking_uri)
    mlflow.set_experiment(experiment)
    record = model.record
    with tempfile.TemporaryDirectory(prefix="atlas-champion-") as folder, requirements_unchecked():
        assemble(model, Path(folder))
        logged = mlflow.pyfunc.log_model(
            name=record.name,
            python_model=str(Path(__file__).with_name("mlflow_model.py")),
            artifacts={"stack": folder},
            code_paths=[str(Path(__file__).parents[1])],
            signature=_signature(),
            pip_requirements=list(REQUIREMENTS),
            metadata={"sweep": record.sweep, "order": " > ".join(record.order), "digest": record.digest},
        )
    version = mlflow.register_model(logged.model_uri, record.name, tags={"sweep": record.sweep})
    client.set_registered_model_alias(record.name, ALIAS, version.version)
    return f"models:/{record.name}/{version.version}"


def assemble(model: RegisteredModel, folder: Path) -> None:
    """Copy the weights of each task, and write the record, into the model's folder."""
    for task, step in model.folders.items():
        shutil.copytree(step, folder / task, ignore=shutil.ignore_patterns(*UNUSED))
    model.record.write(folder)


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("string", name) for name in ("task", "text", "image")]),
        outputs=Schema([ColSpec("string", "answer"), ColSpec("double", "probability")]),
        params=ParamSchema([ParamSpec("route", "string", "own")]),
    )
