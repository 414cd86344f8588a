"""A user's own tasks and learner in the options: by address `FILE.py:NAME`, or by the names that steps are made of."""

from __future__ import annotations

from pathlib import Path

from atlas.backbones.base import is_path
from atlas.config.options import Options
from atlas.learners import find_learner, learner_address
from atlas.tasks import find_task, task_address


def with_names(options: Options) -> Options:
    """The options with tasks and learner by name; their files are run. Raises UserError for one that is unknown."""
    return options.changed(
        tasks=tuple(find_task(name).name for name in options.search.tasks),
        downstream=tuple(find_task(name).name for name in options.search.downstream),
        learner=find_learner(options.training.learner).name,
    )


def with_addresses(options: Options) -> Options:
    """The options by the addresses at which another process, in another folder, finds them again.

    These are user-defined tasks and learner, the backbone's folder and those of published files.
    """
    backbone = options.training.backbone
    return options.changed(
        tasks=tuple(map(task_address, options.search.tasks)),
        downstream=tuple(map(task_address, options.search.downstream)),
        learner=learner_address(options.training.learner),
        backbone=_absolute(backbone) if is_path(backbone) else backbone,
        source=tuple(map(_absolute_source, options.storage.source)),
    )


def _absolute(folder: str) -> str:
    return str(Path(folder).expanduser().resolve())


def _absolute_source(text: str) -> str:
    task, equals, folder = text.partition("=")
    return f"{task}={_absolute(folder)}" if equals and folder else text
