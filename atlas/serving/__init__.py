"""The best stack as a registered MLflow model."""
