"""The champion as MLflow loads it: MLflow runs this file and serves the model that it sets ("models from code")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from atlas.serving.registered_model import LoadedModel


class ServedModel(PythonModel):
    """`predict` takes the columns task, text and image, and the parameter `route` (own or latest)."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the stack once."""
        self.champion = LoadedModel(Path(context.artifacts["stack"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """See LoadedChampion.predict."""
        return self.champion.predict(model_input, **(params or {}))


mlflow.models.set_model(ServedModel())
