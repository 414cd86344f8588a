"""The command that uses a sweep's winner: its settings, along orders that are searched."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary


def use_command(summary: Summary) -> str:
    """`python sweeps/task_order.py --settings-of adapter-2026…`; empty where no setting won."""
    if summary.best is None or not summary.best.learner or not is_settings_sweep(summary):
        return ""
    storage = str(summary.settings.get("storage") or "")
    words = ["python", _task_order(summary.sweep.command), "--settings-of", summary.sweep.id]
    return shlex.join([*words, *(["--storage", storage] if storage else [])])


def _task_order(command: str) -> str:
    """`task_order.py` beside the file of a sweep's command."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    file = next((word for word in words if word.endswith(".py")), "sweeps/adapter.py")
    return str(PurePath(file).parent / "task_order.py") if "sweeps" in PurePath(file).parts else "sweeps/task_order.py"
