"""Simulation of sweeps: the real broker, sampler and objective in virtual time, with steps that are looked up.

A thousand trials take seconds, so that a sampler, a space or a fault can be tried before anything is trained.
"""

from atlas.simulation.fleet import Stop
from atlas.simulation.landscape import Landscape, RecordedLandscape, SyntheticLandscape
from atlas.simulation.memory_store import MemoryStore
from atlas.simulation.search import SimulatedTrial
from atlas.simulation.simulator import Faults, SimulatedSweep, Simulation
from atlas.simulation.virtual_time import Stuck, run_virtually

__all__ = [
    "Faults",
    "Landscape",
    "MemoryStore",
    "RecordedLandscape",
    "SimulatedSweep",
    "SimulatedTrial",
    "Simulation",
    "Stop",
    "Stuck",
    "SyntheticLandscape",
    "run_virtually",
]
