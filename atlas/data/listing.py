"""Listing of tasks: a table of all with their prepared data, and a page of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas.backbones.processor import Processor
from atlas.data.cache import prepared_address, survey
from atlas.data.index import index_path, read_index
from atlas.data.prepared import Prepared
from atlas.runtime.console import add_columns, add_row, make_table
from atlas.runtime.text import by_number, counted
from atlas.storage.filesystem import StoragePath
from atlas.tasks.sample import SPLITS
from atlas.tasks.task import Task, kind_in_words
from atlas.tasks.user_task import task_address

if TYPE_CHECKING:
    from rich.table import Table


def table_of(tasks: Mapping[str, Task], *, processor: Processor, place: StoragePath) -> Table:
    """Two lines a task, narrow enough for 80 columns. place: of the prepared data, which stays there.

    Raises AtlasError where the place cannot be read.
    """
    table = make_table(f"Tasks; prepared for {processor.folder.name} under {place}")
    add_columns(table, "task", "kind", "chance", "prepared", fold=True)
    table.columns[1].no_wrap = True
    for name, task in tasks.items():
        found = survey(task, processor=processor, place=place)
        names, kind = f"{name}\n{task.title}", f"{task.role}\n{task.modality}"
        add_row(table, names, kind, _short_chance(task, found), state(task, found))
    return table


def state(task: Task, found: Prepared | None) -> str:
    """The prepared records and their folder, or the need of published files."""
    if found is not None:
        return f"{counts_of(found)}\n{task.name}/{found.path.name}"
    return "no" if task.layout is None else f"needs its published files:\natlas tasks {task.name}"


def page_of(task: Task, *, processor: Processor, place: StoragePath) -> str:
    """All about one task, a fact a line. Raises AtlasError where the place of prepared data cannot be read."""
    found = survey(task, processor=processor, place=place)
    kind = kind_in_words(task.answer_kind, classes=task.classes, choices=task.choices)
    facts = [
        ("about", task.about),
        ("role", f"{task.role}, {task.modality}, {counted(task.images, 'image')}"),
        ("score", f"{task.score}, {kind}; {_chance(task, found)}"),
        ("licence", task.licence),
        ("splits", task.split_note or "train for learning, val for selection, test for reporting"),
        *_layout_facts(task),
        *(_found_facts(task, found, processor, place) if found else [("prepared", f"no: atlas prepare {_how(task)}")]),
    ]
    return "\n".join([f"{task.name}: {task.title}", *(f"  {name:<12}{value}" for name, value in facts)])


def _layout_facts(task: Task) -> list[tuple[str, str]]:
    needs = [("needs", " or ".join(need.paths)) for need in task.layout.needs] if task.layout else []
    return [*needs, *([("from", task.had_from)] if task.had_from else [])]


def _found_facts(task: Task, found: Prepared, processor: Processor, place: StoragePath) -> list[tuple[str, str]]:
    entry = read_index(index_path(place.local, task.name, processor=processor.digest, limits=None))
    broken = sum(one.count for one in found.card.broken.values())
    return [
        ("prepared", counts_of(found)),
        ("in", prepared_address(found, place)),
        *([("source", entry.source)] if entry else []),
        ("broken", f"{counted(broken, 'record')} {by_number(broken, 'was', 'were')} left out"),
        ("fingerprint", found.fingerprint),
    ]


def counts_of(found: Prepared) -> str:
    """The records of each split, in a line."""
    return ", ".join(f"{split} {found.counts[split]:,}" for split in SPLITS)


def _short_chance(task: Task, found: Prepared | None) -> str:
    if task.answer_kind == "captions" and found is None:
        return "–"
    return f"{found.card.chance if found else task.chance:.1f} %"


def _chance(task: Task, found: Prepared | None) -> str:
    """The score of guessing, which of captions is counted when they are prepared."""
    if task.answer_kind == "captions" and found is None:
        return "chance is counted when it is prepared"
    return f"chance {found.card.chance if found else task.chance:.2f} %"


def _how(task: Task) -> str:
    name = task_address(task.name)
    return name if task.layout is None else f"{name} --source FOLDER"
