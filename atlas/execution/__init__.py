"""Execution of steps: the broker that leases them, the fleets and their workers, checkpoints of unfinished steps."""
