"""Shows how far preparing is: a bar where there is a terminal, else a line every few seconds."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from atlas.data.options import Mark, Phase
from atlas.runtime.text import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

PAUSE = 5.0  # seconds between two lines
THINGS: dict[Phase, str] = {
    "reading": "records read",
    "pictures": "pictures decoded",
    "texts": "records tokenised",
    "joining": "pictures joined",
}


class ProgressBar:
    """Inside `with`, takes the marks of one task: one bar a phase of a split, with its own rate and time left."""

    def __init__(self, console: Console, task: str) -> None:
        self.console, self.task = console, task
        self._key: tuple[str, Phase] | None = None
        self._bar: TaskID | None = None
        self._begun = self._said = time.monotonic()
        self._bars = _bars(console) if console.is_terminal else None

    def __enter__(self) -> ProgressBar:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, mark: Mark) -> None:
        """Show a mark."""
        if self._key != (mark.split, mark.phase):
            self._begin(mark)
        if self._bars and self._bar is not None:
            self._bars.update(self._bar, completed=mark.done, total=mark.total)
        elif not self._bars and time.monotonic() - self._said >= PAUSE:
            self._said = time.monotonic()
            self.console.print(line(self.task, mark, self._said - self._begun), soft_wrap=True, highlight=False)

    def _begin(self, mark: Mark) -> None:
        self._key, self._begun = (mark.split, mark.phase), time.monotonic()
        if not self._bars:
            return
        if self._bar is not None:
            self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(f"{self.task} {mark.split}: {THINGS[mark.phase]}", total=mark.total)


def line(task: str, mark: Mark, seconds: float) -> str:
    """A mark in words: how many of how many and, so many seconds into its phase, the rate and the time left."""
    rate = mark.done / seconds if seconds > 0 else 0.0
    said = f"{task} {mark.split}: {mark.done:,}{'' if mark.total is None else f' of {mark.total:,}'}"
    said = f"{said} {THINGS[mark.phase]}, {rate:,.0f} a second"
    if mark.total is None or not rate:
        return said
    return f"{said}, {duration((mark.total - mark.done) / rate)} left"


def _bars(console: Console) -> Progress:
    """Count, rate and time left; a bar that pulses while there is no total."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Task as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        """What is done a second."""

        def render(self, task: Bar) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
