"""The command that uses a sweep's winner: its settings along orders that are searched, or its order."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary

NAMED = ["atlas", "sweep", "task-order"]
CARRIED = ("--tasks", "--backbone", "--source")  # options of the sweep's command that its winner depends on
OF_SETTINGS = (*CARRIED, "--subset-size")  # and where that is a setting, along orders that are searched again
ELSEWHERE = ("--resume", "--config")  # options that stand for others, which the command does not name


def use_command(summary: Summary) -> str:
    """`atlas sweep task-order --settings-of adapter-2026…`, with `--orders a,b,c` where an order won.

    Empty where nothing won: no trial finished, or the sweep had one setting and one order.
    """
    if summary.best is None:
        return ""
    settings = ["--settings-of", summary.sweep.id] if summary.best.learner else []
    if of_settings := is_settings_sweep(summary):
        won = settings
    else:
        won = [*settings, *_order(summary)] if len({trial.order for trial in summary.trials}) > 1 else []
    if not won:
        return ""
    storage = str(summary.settings.get("storage") or "")
    names = [name for name in (OF_SETTINGS if of_settings else CARRIED) if name not in won]
    words = [*_task_order(summary.sweep.command), *won, *_carried(_asked(summary), names)]
    return shlex.join([*words, *(["--storage", storage] if storage else [])])


def _order(summary: Summary) -> list[str]:
    """The best order, and its tasks; those of a user's file are named by that, as in the sweep's command."""
    assert summary.best_trial is not None
    order = summary.best_trial.order
    if not any(".py:" in word for word in _words(summary.sweep.command)):
        return ["--tasks", *(task for task in summary.tasks if task in order), "--orders", ",".join(order)]
    subset = ["--subset-size", str(len(order))] if len(order) < len(summary.tasks) else []
    return [*subset, "--orders", ",".join(order)]


def _asked(summary: Summary) -> list[str]:
    """The words of the sweep's command; where it names a sweep or a file of them, the recorded values."""
    words = _words(summary.sweep.command)
    if not any(word.partition("=")[0] in ELSEWHERE for word in words):
        return words
    recorded: list[str] = []
    for option in OF_SETTINGS:
        value = summary.settings.get(option.removeprefix("--").replace("-", "_")) or ()
        texts = [value] if isinstance(value, str | int) else list(value) if isinstance(value, list | tuple) else []
        recorded += [option, *map(str, texts)] if texts else []
    return recorded


def _carried(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """These options with their values, as the words have them."""
    carried: list[str] = []
    taken = False
    for word in words:
        if word.startswith("--"):
            taken = word.partition("=")[0] in names
        if taken:
            carried.append(word)
    return carried


def _task_order(command: str) -> list[str]:
    """The sweep task-order: beside the file of a command in a folder of sweeps, else by its name."""
    words = _words(command)
    file = PurePath(words[1] if words[:1] == ["python"] and len(words) > 1 else "")
    return ["python", str(file.parent / "task_order.py")] if file.parent.name == "sweeps" else NAMED


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # cut off, or written by hand
        return []
