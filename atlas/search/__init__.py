"""The search: Ray Tune with Optuna over a sweep's space; each trial only requests steps along its orders."""
