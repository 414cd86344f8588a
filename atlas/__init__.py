"""atlas: sweep task orders, adapters and schedules of multi-modal continual learning on Ray.

    import atlas

    result = atlas.run("task-order", steps=20)      # or a Sweep of your own, with Options
    result.best.order, result.best.test
    atlas.open("task-order")                        # the latest one of that name; an id, a folder or a storage, too

What is named here is imported when it is first used: `import atlas` alone imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas.config.options import Options
    from atlas.config.sweep import Sweep
    from atlas.results.run import run
    from atlas.results.stored import SweepEntry, open, sweeps
    from atlas.results.sweep_result import SweepResult, TrialResult
    from atlas.results.trained_model import TrainedModel
    from atlas.runtime.errors import AtlasError, UserError

    __version__: str

__all__ = [
    "AtlasError",
    "Options",
    "Sweep",
    "SweepEntry",
    "SweepResult",
    "TrainedModel",
    "TrialResult",
    "UserError",
    "open",
    "run",
    "sweeps",
]

_MODULES = {
    "AtlasError": "atlas.runtime.errors",
    "Options": "atlas.config.options",
    "Sweep": "atlas.config.sweep",
    "SweepEntry": "atlas.results.stored",
    "SweepResult": "atlas.results.sweep_result",
    "TrainedModel": "atlas.results.trained_model",
    "TrialResult": "atlas.results.sweep_result",
    "UserError": "atlas.runtime.errors",
    "open": "atlas.results.stored",
    "run": "atlas.results.run",
    "sweeps": "atlas.results.stored",
}


def __getattr__(name: str) -> object:
    """An exported name, imported now (PEP 562). Raises AttributeError for any other."""
    if name == "__version__":
        return _version()
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("atlas-continual")
    except PackageNotFoundError:  # a folder of code that was never installed, such as a Ray job's working directory
        return "unknown: not installed"
