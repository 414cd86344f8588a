"""The registered model as MLflow loads it: MLflow runs this file and serves the model that it sets."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from atlas.runtime.errors import UserError
from atlas.serving.loaded_model import LoadedModel


class ServedModel(PythonModel):
    """`predict` takes the columns task, text and image, and the parameter `route` (own, latest or free)."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model once."""
        self.loaded = LoadedModel(Path(context.artifacts["stack"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, str] | None = None
    ) -> pd.DataFrame:
        """Answer each record; see `LoadedModel.predict`.

        Raises MlflowException for input that it refuses, so that a server's answer is the reason and no stack trace.
        """
        try:
            return self.loaded.predict(model_input, **(params or {}))
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


mlflow.models.set_model(ServedModel())
