"""Sweeps: the definition (`Sweep`), its settings (`Options`), and `main`, which runs it from the command line."""

from __future__ import annotations

from atlas.cluster.options import ClusterOptions
from atlas.config.learners import base_learner, learner_named
from atlas.config.options import Options
from atlas.config.run import RunOptions
from atlas.config.search import SearchOptions
from atlas.config.sweep import Sweep
from atlas.config.training import TrainingOptions
from atlas.steps.walk_result import DOWNSTREAM
from atlas.storage.options import StorageOptions
from atlas.sweep.run import main, run

__all__ = [
    "DOWNSTREAM",
    "ClusterOptions",
    "Options",
    "RunOptions",
    "SearchOptions",
    "StorageOptions",
    "Sweep",
    "TrainingOptions",
    "base_learner",
    "learner_named",
    "main",
    "run",
]
