"""The common parts of the twins: sizes, the interface of a sample, reading samples as records."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from atlas.runtime.errors import UserError, unknown
from atlas.tasks.sample import SPLITS, Record
from atlas.tasks.task import Modality, Role, Scoring, Task

SPLIT_NOTE = "train, val and test are drawn apart; the sister's rule tells val from train."


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Records a split, and the seed of the draw."""

    train: int = 4000
    val: int = 500
    test: int = 1000
    seed: int = 0

    def of(self, split: str) -> int:
        """The records of a split. Raises UserError on an unknown split."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        return int(getattr(self, split))


class Sample(Protocol):
    """One sample of a twin, from which both its record and its published form are made."""

    def record(self) -> Record:
        """The record that a reader of the published files makes of it."""
        ...


SampleT = TypeVar("SampleT", bound=Sample)
Draw = Callable[[str, Sizes], Iterator[SampleT]]  # (split, sizes) -> samples without end


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A generated twin of a large benchmark.

    sister: the benchmark's name in the catalogue. make: sizes -> the task. write_raw: (folder, sizes) -> None writes
    the same records as the sister is published, so that the sister's reader reads them.
    """

    sister: str
    make: Callable[[Sizes], Task]
    write_raw: Callable[[Path, Sizes], None]


def check_sizes(name: str, sizes: Sizes) -> Sizes:
    """The sizes. Raises UserError on one below 1."""
    for split in SPLITS:
        if sizes.of(split) < 1:
            raise UserError(f"{name} needs at least 1 record a split, got {split}={sizes.of(split)}")
    return sizes


def first(draw: Draw[SampleT], split: str, sizes: Sizes) -> Iterator[SampleT]:
    """As many samples of the split as the sizes say. Raises UserError on an unknown split."""
    return itertools.islice(draw(split, sizes), sizes.of(split))


def published(draw: Draw[SampleT], part: str, sizes: Sizes) -> Iterator[SampleT]:
    """The samples of a published part: "train" begins with what the sister's rule takes out for `val`."""
    splits = ("test",) if part == "test" else ("val", "train")
    return itertools.chain.from_iterable(first(draw, split, sizes) for split in splits)


def read_samples(split: str, source: Path | None, *, draw: Draw[Sample], sizes: Sizes) -> Iterator[Record]:
    """The records of a split; a twin is generated: `source` is not used. Raises UserError on an unknown split."""
    for sample in first(draw, split, sizes):
        yield sample.record()


def settings_of(source: Path | None, *, name: str, sizes: Sizes, settings: Mapping[str, str]) -> Mapping[str, str]:
    """The settings of the generator: they decide every record."""
    return {f"{name} {field}": str(value) for field, value in asdict(sizes).items()} | dict(settings)


def twin_task(
    draw: Draw[Sample],
    sizes: Sizes,
    *,
    name: str,
    title: str,
    modality: Modality,
    chance: float,
    about: str,
    answers: tuple[str, ...] = (),
    choices: int = 1,
    images: int = 1,
    score: Scoring = "accuracy",
    role: Role = "upstream",
    version: int = 1,
    templates: tuple[str, ...] = (),
    settings: Mapping[str, str] | None = None,
) -> Task:
    """The task of generated samples, declared as `Task` is; `settings` are those of the generator beside the sizes.

    Raises UserError on a size below 1.
    """
    check_sizes(name, sizes)
    return Task(
        name=name,
        title=title,
        modality=modality,
        answers=answers,
        choices=choices,
        images=images,
        score=score,
        chance=chance,
        licence="Apache-2.0 (generated)",
        about=about,
        version=version,
        read=functools.partial(read_samples, draw=draw, sizes=sizes),
        sources=functools.partial(settings_of, name=name, sizes=sizes, settings=settings or {}),
        role=role,
        templates=templates,
        split_note=SPLIT_NOTE,
    )
