"""The search: Ray Tune with Optuna over a sweep's space, each trial a thin walk along its orders."""
