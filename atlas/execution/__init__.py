"""Who trains the steps: the broker that leases them, the fleets and their workers, checkpoints on the way."""
