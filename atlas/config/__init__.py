"""Configuration: options, sweeps, their search spaces and learners, and the experiment that combines them."""
