"""What to run: options, the sweep, its spaces and learners."""
