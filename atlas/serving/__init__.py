"""Serving: the best trial's model, registered in MLflow, loaded, and answering batches of records."""
