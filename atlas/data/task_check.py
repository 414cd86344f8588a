"""The check of a task's declaration before any of it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from atlas.backbones.families import most_images
from atlas.backbones.processor import Processor
from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.text import composed, counted, first_line
from atlas.tasks.task import Task

SHA256 = re.compile(r"[0-9a-f]{64}")


def check_task(task: Task, processor: Processor) -> None:
    """Raises UserError for answers that are no classes, and for more pictures a record than the backbone takes."""
    most = most_images(processor.folder)
    if not isinstance(task.images, int) or task.images < 1:
        raise UserError(f"{task.name}: it declares {task.images!r} images a record; give 1 or more.")
    if most is not None and task.images > most:
        raise UserError(
            f"{task.name}: a record has {counted(task.images, 'image')}, and the backbone {processor.folder.name} "
            f"takes {most}."
        )
    if task.has_references:
        _check_referenced(task)
    if task.choices > 1 or task.has_references:
        return
    wrong = [answer for answer in task.answers if not isinstance(answer, str)]
    if wrong:
        raise UserError(f"{task.name}: the answer {wrong[0]!r:.60} is a {type(wrong[0]).__name__}; give texts.")
    if not task.answers:
        raise UserError(f"{task.name}: it declares neither answers nor more than one choice, so it has no classes.")
    if len(task.answers) == 1:
        raise UserError(
            f"{task.name}: it declares one answer, {task.answers[0]!r:.60}, so that there is nothing to learn; give "
            f"two or more."
        )
    twice = [answer for answer, count in Counter(map(composed, task.answers)).items() if count > 1]
    if twice:
        raise UserError(f"{task.name}: the answer {twice[0]!r:.60} is declared twice; give each class its own name.")


def _check_referenced(task: Task) -> None:
    captions = task.answer_kind == "captions"
    if task.answers or task.answers_of is not None or task.choices > 1:
        raise UserError(
            f"{task.name}: it is scored by {task.score!r}, a score of {'captions' if captions else 'free texts'}, and "
            "declares classes or choices; leave them out, or score it by 'accuracy' or 'soft'."
        )
    if captions and (task.images != 1 or task.modality == "language"):
        has = "none" if task.modality == "language" else counted(task.images, "picture")
        raise UserError(
            f"{task.name}: it is scored by {task.score!r}, by which a picture is told from others by its captions, and "
            f"a record has {has}; give each record one picture, or score it by another rule."
        )


def check_distinct(task: Task, sources: Mapping[str, str]) -> None:
    """Raises UserError where two named files are the same to the byte: train and test would share every record.

    Folders, versions, and files that may be alike (`Task.alike`) are left out.
    """
    first: dict[str, str] = {}
    for name, digest in sources.items():
        if name.endswith("/") or not SHA256.fullmatch(digest) or any(fnmatchcase(name, one) for one in task.alike):
            continue
        if digest in first:
            raise UserError(
                f"{task.name}: {first[digest]} and {name} are the same file, so that splits share their records. "
                "Put the published ones there, or take them as they are by --same-files."
            )
        first[digest] = name


def sources_of(task: Task, source: Path | None) -> dict[str, str]:
    """What decides the task's content, by name: with the folders of pictures that its layout needs.

    Raises UserError where the task cannot say.
    """
    try:
        found: object = task.sources(source)
    except AtlasError:
        raise
    except Exception as error:
        said = f"{task.name}: its `sources` fails with {type(error).__name__}: {first_line(error)}. {task.had_from}"
        raise UserError(said.rstrip()) from error
    if isinstance(found, Mapping) and all(isinstance(one, str) for pair in found.items() for one in pair):
        return dict(found) | (dict(task.layout.pictures(source)) if task.layout and source else {})
    raise UserError(f"{task.name}: its `sources` gives {found!r:.60}; give a digest or version, a text, by name.")
