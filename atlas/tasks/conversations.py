"""A task of one's own in LLaVA's JSON: a list of conversations, and where there is one a list for the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atlas.runtime.errors import unknown
from atlas.tasks.reading import files
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.llava import InstructionReader, is_questions, key_of, question_lines, training_lines
from atlas.tasks.reading.splits import belongs, deal, split_of
from atlas.tasks.sample import SPLITS, Broken, Record
from atlas.tasks.task import Task, TextScoring

VAL, TEST = 0.1, 0.2  # of the images, where the files do not say


@dataclass(frozen=True, kw_only=True)
class ConversationReader:
    """The reader of one file, or of two. roots: folders that images' paths are relative to, "" for the source."""

    task: str
    file: str
    test: str | None
    layout: Layout
    roots: tuple[str, ...]

    def read(self, split: str, source: Path | None) -> Iterator[Record | Broken]:
        """The questions of a split, in the order of their file. Raises UserError where a file is unusable."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        folder = files.given(source)
        self.layout.check(self.task, folder)
        own = split == "test" and self.test is not None
        path = folder / (self.test if own and self.test else self.file)
        reader = InstructionReader(roots=[folder / root for root in self.roots], linked=self.roots)
        asked = is_questions(path)
        read, record = (question_lines, reader.test_record) if asked else (training_lines, reader.training_record)
        mine = (lambda _: True) if own else partial(self._has, split)
        yield from deal(read(path), key=key_of, record=record, mine=mine)

    def _has(self, split: str, key: str) -> bool:
        """Whether the image of that name is of a split of the first file."""
        if self.test is None:
            return split_of(self.task, key, val=VAL, test=TEST) == split
        return belongs(split, self.task, key, VAL)

    @property
    def split_note(self) -> str:
        """How records are shared out."""
        if self.test is None:
            return (
                f"val is a seeded {VAL:.0%} and test {TEST:.0%} of the images of {self.file}, with all their questions."
            )
        return f"val is a seeded {VAL:.0%} of the images of {self.file}, with all their questions; test is {self.test}."


def conversation_task(
    name: str,
    *,
    file: str,
    test: str | None = None,
    images: Sequence[str] = ("images/",),
    score: TextScoring = "exact",
    title: str = "",
    about: str = "Questions about images, answered in words.",
    licence: str = "as its owner says",
    obtain: str = "",
    version: int = 1,
) -> Task:
    """The task of a file of conversations and of a folder of images beside it, any one of `images`.

    Every question of a conversation is a record, without the turns before it. test: another such file, or a list of
    questions; without one, images are dealt out. score: of texts, by which an answer is told to be right.
    """
    needs = [Needed(paths=(one,)) for one in (file, *([test] if test else []))]
    layout = Layout(
        needs=(*needs, Needed(paths=tuple(images))),
        obtain=obtain or f"Put {file} beside the folder of its images, {' or '.join(images)}.",
    )
    reader = ConversationReader(task=name, file=file, test=test, layout=layout, roots=("", *images))
    return Task(
        name=name,
        title=title or name,
        modality="vision-language",
        score=score,
        chance=0.0,
        licence=licence,
        about=about,
        version=version,
        read=reader.read,
        sources=lambda source: layout.digests(source),
        layout=layout,
        split_note=reader.split_note,
    )
