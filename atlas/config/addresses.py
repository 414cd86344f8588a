"""Addresses in the options: of a user's own tasks and learner, `FILE.py:NAME`, and of folders and databases.

In a sweep's folder those inside the storage are kept relative to it, so that they are found where it is now:
`{storage}/my_task.py:TASK`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from atlas.backbones.base import is_path
from atlas.config.options import Options
from atlas.learners import find_learner, learner_address
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.paths import absolute
from atlas.runtime.user_code import is_address
from atlas.storage.filesystem import StoragePath
from atlas.tasks import check_needs_files, find_task, task_address
from atlas.tasks.reading.missing import nearest

STORAGE = "{storage}"


def with_names(options: Options) -> Options:
    """The options with tasks and learner by name; their files are run. Raises UserError for one that is unknown."""
    return options.changed(
        tasks=tuple(find_task(name).name for name in options.search.tasks),
        downstream=tuple(find_task(name).name for name in options.search.downstream),
        reference=find_task(options.search.reference).name if options.search.reference else "",
        learner=find_learner(options.training.learner).name,
    )


def with_addresses(options: Options) -> Options:
    """The options by the addresses at which another process, in another folder, finds them again.

    These are user-defined tasks, sampler and learner, the storage, the backbone's folder and those of published files.
    """
    backbone, storage = options.training.backbone, options.storage.storage
    return options.changed(
        tasks=tuple(map(task_address, options.search.tasks)),
        downstream=tuple(map(task_address, options.search.downstream)),
        reference=task_address(options.search.reference) if options.search.reference else "",
        sampler=_absolute_file(options.search.sampler),
        learner=learner_address(options.training.learner),
        backbone=_absolute(backbone) if is_path(backbone) else backbone,
        source=tuple(map(_absolute_source, options.storage.source)),
        storage=str(StoragePath.at(storage)) if storage else "",
    )


def named_sources(tasks: Sequence[str], given: Sequence[str]) -> dict[str, Path]:
    """Task → folder, from `--source FOLDER` (of the one task) or `--source TASK=FOLDER …`.

    Raises UserError for a task that is not among `tasks` or reads no files, and for what is no folder.
    """
    if len(given) == len(tasks) == 1 and not given[0].startswith(f"{tasks[0]}="):
        given = [f"{tasks[0]}={given[0]}"]
    found = {}
    for text in given:
        task, equals, folder = text.partition("=")
        if not equals or not folder:
            raise UserError(f"--source {text!r} is not TASK=FOLDER, as it must be for several tasks.")
        if task not in tasks:
            raise unknown("task in --source", task, tasks)
        if task in found:
            raise UserError(f"--source names {task} twice; give each task one folder.")
        path = absolute(folder)
        if not path.is_dir():
            raise UserError(f"--source {folder!r} of {task} is not a folder: {path}. {nearest(path)}")
        check_needs_files(find_task(task))
        found[task] = path
    return found


def relative_to_storage(options: Options, storage: Path) -> Options:
    """The options with every address inside the storage relative to it; `resolved_in` is the inverse."""
    return _mapped(options, lambda text: _relative(text, str(storage)))


def resolved_in(options: Options, storage: Path) -> Options:
    """The options with every address inside the storage where that is now."""
    return _mapped(options, lambda text: text.replace(STORAGE, str(storage)))


def _mapped(options: Options, change: Callable[[str], str]) -> Options:
    """The options with the texts changed that may be addresses."""
    search, training, storage = options.search, options.training, options.storage
    return options.changed(
        tasks=tuple(map(change, search.tasks)),
        downstream=tuple(map(change, search.downstream)),
        reference=change(search.reference),
        sampler=change(search.sampler),
        learner=change(training.learner),
        backbone=change(training.backbone),
        source=tuple(map(change, storage.source)),
        storage=change(storage.storage),
        tracking_uri=change(storage.tracking_uri),
    )


def _relative(text: str, storage: str) -> str:
    """The text with the storage's path as the word for it, where that is the address, or the beginning of one."""
    start, found, rest = text.partition(storage)
    begins = start == "" or start.endswith(("=", ":", ":///"))
    return f"{start}{STORAGE}{rest}" if found and begins and rest[:1] in ("", "/") else text


def _absolute(folder: str) -> str:
    return str(absolute(folder))


def _absolute_file(address: str) -> str:
    """An address `FILE.py:NAME` with the file's absolute path; any other name as it is."""
    file, _, name = address.rpartition(":")
    return f"{absolute(file)}:{name}" if is_address(address) and file else address


def _absolute_source(text: str) -> str:
    task, equals, folder = text.partition("=")
    return f"{task}={_absolute(folder)}" if equals and folder else text
