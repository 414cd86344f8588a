"""From a task's records to batches: `processor` encodes, `prepare` writes once, `loader` reads."""
