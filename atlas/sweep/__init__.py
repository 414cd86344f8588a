"""Sweeps: what to ask (`Sweep`), how to set it (`Options`), and `main`, which runs it from the command line."""

from __future__ import annotations

from atlas.config.options import Options
from atlas.config.sweep import Sweep, base_learner, learner_named
from atlas.steps.walk_result import DOWNSTREAM
from atlas.sweep.run import main, run

__all__ = ["DOWNSTREAM", "Options", "Sweep", "base_learner", "learner_named", "main", "run"]
