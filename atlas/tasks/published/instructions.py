"""Benchmarks of continual instruction tuning, as they publish their files: LLaVA's JSON, and a folder of images.

CoIN (Chen et al., 2024, arXiv:2403.08350), UCIT (Guo et al., 2025, arXiv:2503.12941), TriGap (Xie et al., 2026,
arXiv:2602.01990), and the domains and abilities of MLLM-CL (Zhao et al., 2025). The source is the folder that holds a
benchmark's instructions and images; `val` is a twentieth of the training images, with all their questions, and `test`
the published test.

Each task is scored by its benchmark's own rule (see `scored`), so that the same predictions have the same figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks.reading import files
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.llava import (
    InstructionReader,
    key_of,
    question_lines,
    training_lines,
)
from atlas.tasks.reading.splits import deal_published, published
from atlas.tasks.sample import Broken, Record
from atlas.tasks.task import Task, TextScoring

VAL = 0.05  # of the training images
ROOTS = ("", "datasets/", "cl_dataset/", "images/")  # that images' paths are relative to, beside the task's own folder
GROUPS = ("", "instructions/", "Instructions_Original/", "Instruction_Type1/")


@dataclass(frozen=True, kw_only=True)
class ReferenceFile:
    """A file that has the references of a test, and how it is read. needed: whether the test has none itself."""

    names: tuple[str, ...]
    read: Callable[[Path], Mapping[str | int, tuple[str, ...]]]
    needed: bool = True


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """One task's files. folders: those of its instructions; test_folders those of its test, where they are others.

    train, test: the files' names there. images: folders of images, under any of ROOTS; without them `images/` beside
    the files. image_root: in place of both, the folder that images' paths are relative to. references: the file that
    has the references, where another than the test has them. scored: the benchmark's rule.
    """

    name: str
    title: str
    folders: tuple[str, ...]
    scored: TextScoring
    train: tuple[str, ...] = ("train.json",)
    test: tuple[str, ...] = ("test.json",)
    test_folders: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    image_root: str = ""
    references: ReferenceFile | None = None

    @property
    def linked(self) -> tuple[str, ...]:
        """The folders at the beginning of images' paths that may be links."""
        named = self.folders if self.image_root else self.images
        return tuple(f"{folder}/" for folder in named) or ("images/",)

    def referred(self) -> Needed:
        """The file that has the references, beside the test."""
        return in_groups(self.test_folders or self.folders, self.references.names if self.references else ())

    def layout(self, obtain: str) -> Layout:
        """The files that are needed."""
        tested = self.test_folders or self.folders
        needs = [in_groups(self.folders, self.train), in_groups(tested, self.test)]
        needs += [self.referred()] if self.references and self.references.needed else []
        if self.image_root:
            needs.append(Needed(paths=(self.image_root,)))
        elif self.images:
            needs.append(Needed(paths=tuple(f"{root}{folder}/" for root in ROOTS for folder in self.images)))
        else:
            needs += [in_groups(folders, ("images/",)) for folders in dict.fromkeys((self.folders, tested))]
        return Layout(needs=tuple(needs), obtain=obtain)


def in_groups(folders: tuple[str, ...], names: tuple[str, ...]) -> Needed:
    """One of the files, in one of the folders, in any folder that benchmarks group them in."""
    return Needed(paths=tuple(f"{group}{folder}/{name}" for group in GROUPS for folder in folders for name in names))


@dataclass(frozen=True, kw_only=True)
class InstructionTask:
    """The reader of one task."""

    instructions: Instructions
    layout: Layout

    def read(self, split: str, source: Path | None) -> Iterator[Record | Broken]:
        """The records of a split, in the order of their file. Raises UserError where a file is unusable."""
        folder = files.given(source)
        self.layout.check(self.instructions.name, folder)
        part = published(split, "train", "test")
        path = self._found(folder, 1 if part == "test" else 0)
        known = self._known(folder) if part == "test" else {}
        check_places(known, path)
        reader = InstructionReader(roots=self._roots(folder), linked=self.instructions.linked, known=known)
        tested, trained = (question_lines, reader.test_record), (training_lines, reader.training_record)
        read, record = tested if part == "test" else trained
        yield from deal_published(split, self.instructions.name, read(path), val=VAL, key=key_of, record=record)

    def sources(self, source: Path | None) -> Mapping[str, str]:
        """The digests of the files, that of references among them."""
        folder = files.given(source)
        other = self.instructions.referred().found(folder) if self.instructions.references else None
        return dict(self.layout.digests(folder)) | ({other.name: files.digest(other)} if other else {})

    def _found(self, source: Path, number: int) -> Path:
        need = self.layout.needs[number]
        return need.found(source) or source / need.paths[0]

    def _known(self, source: Path) -> Mapping[str | int, tuple[str, ...]]:
        if self.instructions.references is None:
            return {}
        path = self.instructions.referred().found(source)
        found = self.instructions.references.read(path) if path else {}
        if path and not found:
            raise UserError(f"{path} has no references of {self.instructions.title}. Download it again.")
        return found

    def _roots(self, source: Path) -> list[Path]:
        """The folders that images' paths may be relative to: the source, those of images, and the files' own."""
        own = [self._found(source, number).parent for number in (0, 1)]
        return [*(source / root for root in ROOTS if (source / root).is_dir()), *dict.fromkeys(own)]


def check_places(known: Mapping[str | int, tuple[str, ...]], path: Path) -> None:
    """Raises UserError where references are known by place, and are not as many as the test of that path has questions.

    They are then those of another test, and would be matched with the wrong images.
    """
    places = sum(isinstance(one, int) for one in known)
    if places and places != (count := sum(1 for _ in files.json_items(path, ""))):
        raise UserError(
            f"{path} has {counted(count, 'question')}, and the file of its references {counted(places, 'image')}, "
            f"which are matched by place; give both of the same test."
        )


def instruction_task(one: Instructions, *, benchmark: str, obtain: str, licence: str) -> Task:
    """The task of a benchmark's files."""
    layout = one.layout(obtain)
    reader = InstructionTask(instructions=one, layout=layout)
    return Task(
        name=one.name,
        title=f"{benchmark}: {one.title}",
        modality="vision-language",
        score=one.scored,
        chance=0.0,
        licence=licence,
        about=f"Instructions about images, answered in words: {one.title}, as {benchmark} publishes it.",
        version=1,
        read=reader.read,
        sources=reader.sources,
        layout=layout,
        split_note=f"val is a seeded {VAL:.0%} of the training images with all their questions; test is as published.",
    )
