"""The Ray cluster that a sweep runs on: join or start it, its limits, and the cleaning up after it."""
