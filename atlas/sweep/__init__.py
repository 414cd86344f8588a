"""Sweeps: what to ask (`Sweep`), how to set it (`Options`), and `main`, which runs it from the command line."""

from __future__ import annotations

from atlas.sweep.options import Options
from atlas.sweep.outcome import DOWNSTREAM
from atlas.sweep.run import main, run
from atlas.sweep.sweep import Sweep, base_learner, learner_named

__all__ = ["DOWNSTREAM", "Options", "Sweep", "base_learner", "learner_named", "main", "run"]
