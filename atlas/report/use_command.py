"""The command that uses a sweep's winner: its settings, along orders that are searched."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary

NAMED = ["atlas", "sweep", "task-order"]


def use_command(summary: Summary) -> str:
    """`atlas sweep task-order --settings-of adapter-2026…`; empty where no setting won."""
    if summary.best is None or not summary.best.learner or not is_settings_sweep(summary):
        return ""
    storage = str(summary.settings.get("storage") or "")
    words = [*_task_order(summary.sweep.command), "--settings-of", summary.sweep.id]
    return shlex.join([*words, *(["--storage", storage] if storage else [])])


def _task_order(command: str) -> list[str]:
    """The sweep task-order: beside the file of a command in a folder of sweeps, else by its name."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    file = PurePath(words[1] if words[:1] == ["python"] and len(words) > 1 else "")
    return ["python", str(file.parent / "task_order.py")] if file.parent.name == "sweeps" else NAMED
