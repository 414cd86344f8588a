"""Registering the best trial's model in MLflow, with the alias `champion` where it is better than the one before.

The model holds adapters, heads and this package's code; of the backbone it holds name and digest alone.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.cluster.options import QUANTISED
from atlas.runtime.redact import redacted
from atlas.serving.champion import ALIAS, Merit, reason_to_stay
from atlas.serving.model_record import ModelRecord
from atlas.tracking.mlflow.internals import requirements_unchecked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

# files of a step that inference does not need
UNUSED = ("result.json", "fisher.safetensors", "regression.safetensors")
REQUIREMENTS = ("mlflow", "torch", "transformers", "peft", "safetensors", "tokenizers", "pillow", "pyarrow", "pydantic")


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A model to register: its record, and for each task of its order the folder of that step in the store.

    merit: its score, by which it may become the champion.
    """

    record: ModelRecord
    folders: Mapping[str, Path]
    merit: Merit | None = None


def register(model: RegisteredModel, tracking_uri: str, experiment: str) -> str:
    """Log and register the model; gives `models:/<name>/<version>`, and whether the alias `champion` moved to it.

    Raises what MLflow raises where the server refuses it.
    """
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(tracking_uri)
    client = MlflowClient(tracking_uri)
    mlflow.set_experiment(experiment)
    record = model.record
    logged = _logged(model)
    tags = {"sweep": record.sweep, "order": " → ".join(record.order), **(model.merit.tags() if model.merit else {})}
    version = str(mlflow.register_model(logged, record.name, tags=tags).version)
    client.update_model_version(record.name, version, description=description(model, version, tracking_uri))
    return f"models:/{record.name}/{version}{_with_alias(client, model, version)}"


def _logged(model: RegisteredModel) -> str:
    """Log the model; gives its address."""
    import mlflow

    record = model.record
    with tempfile.TemporaryDirectory(prefix="atlas-champion-") as folder, requirements_unchecked():
        assemble(model, Path(folder))
        logged = mlflow.pyfunc.log_model(
            name=record.name,
            python_model=str(Path(__file__).with_name("mlflow_model.py")),
            artifacts={"stack": folder},
            code_paths=[str(Path(__file__).parents[1])],
            signature=_signature(),
            pip_requirements=[*REQUIREMENTS, *(["bitsandbytes"] if record.weights in QUANTISED else [])],
            metadata={"sweep": record.sweep, "order": " > ".join(record.order), "digest": record.digest},
        )
    return str(logged.model_uri)


def _with_alias(client: MlflowClient, model: RegisteredModel, version: str) -> str:
    """Move the alias to the version where it is better than the one that has it; says in words what was done."""
    name = model.record.name
    holder = client.get_registered_model(name).aliases.get(ALIAS)
    tags = client.get_model_version(name, holder).tags if holder else None
    if why := reason_to_stay(model.merit, tags):
        stays = f"@{ALIAS} stays version {holder}" if holder else f"no version is @{ALIAS}"
        return f" ({stays}: {why})"
    client.set_registered_model_alias(name, ALIAS, version)
    return f" (now @{ALIAS})"


def description(model: RegisteredModel, version: str, tracking_uri: str) -> str:
    """The description of a model's version in Markdown: its order, scores and sweep, and how it is loaded."""
    record, address = model.record, redacted(tracking_uri)
    scores = ", ".join(f"{split} {value:.2f}" for split, value in record.figures.items() if value is not None)
    about = [
        f"**Order:** {' → '.join(record.order)}",
        *([f"**Ranked by:** {model.merit.title}"] if model.merit else []),
        f"**Scores:** {scores or 'none'}",
        f"**Sweep:** `{record.sweep}`, on the backbone {record.backbone}",
        f"**Tasks it answers:** {', '.join(record.tasks)}",
    ]
    source = f"models:/{record.name}/{version}"
    load = [
        "import mlflow, pandas as pd",
        f"mlflow.set_tracking_uri({address!r})",
        f"model = mlflow.pyfunc.load_model({source!r})",
        f"records = pd.DataFrame([{{'task': {next(iter(record.tasks), '')!r}, 'text': '…', 'image': '<base64>'}}])",
        "model.predict(records, params={'route': 'latest'})  # or 'own': each task with its own adapters",
    ]
    serve = shlex.join(["mlflow", "models", "serve", "-m", source, "--env-manager", "local", "--port", "5001"])
    serve = f"MLFLOW_TRACKING_URI={shlex.quote(address)} {serve}"
    blocks = [("Load it in Python", "python", "\n".join(load)), ("Serve it", "sh", serve)]
    return "\n\n".join([*about, *(f"{name}:\n\n```{kind}\n{text}\n```" for name, kind, text in blocks)])


def assemble(model: RegisteredModel, folder: Path) -> None:
    """Copy the weights of each task, and write the record, into the model's folder."""
    for task, step in model.folders.items():
        shutil.copytree(step, folder / task, ignore=shutil.ignore_patterns(*UNUSED))
    model.record.write(folder)


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("string", name, required=name != "task") for name in ("task", "text", "image")]),
        outputs=Schema([ColSpec("string", "answer"), ColSpec("double", "probability")]),
        params=ParamSchema([ParamSpec("route", "string", "own")]),
    )
