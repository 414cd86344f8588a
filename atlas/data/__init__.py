"""Data: `prepare` encodes a task's records once into Arrow files, `loader` maps them and makes batches."""
