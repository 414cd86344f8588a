"""Progress of `prepare`: bars in a terminal, else a line every few seconds."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from atlas.data.options import Phase, Progress
from atlas.runtime.console import say
from atlas.runtime.text import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

LINE_SECONDS = 5.0  # seconds between two lines
PHASE_NOUNS: dict[Phase, str] = {
    "reading": "records read",
    "pictures": "pictures decoded",
    "texts": "records tokenised",
    "joining": "pictures joined",
}


class ProgressBar:
    """Inside `with`, shows the progress of one task: one bar a phase of a split, with its own rate and time left."""

    def __init__(self, console: Console, task: str) -> None:
        self.console, self.task = console, task
        self._key: tuple[str, Phase] | None = None
        self._bar: TaskID | None = None
        self._begun = self._printed = time.monotonic()
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

    def __call__(self, progress: Progress) -> None:
        """Show the progress."""
        if self._key != (progress.split, progress.phase):
            self._begin(progress)
        if self._bars and self._bar is not None:
            self._bars.update(self._bar, completed=progress.done, total=progress.total)
        elif not self._bars and time.monotonic() - self._printed >= LINE_SECONDS:
            self._printed = time.monotonic()
            say(self.console, line(self.task, progress, self._printed - self._begun))

    def _begin(self, progress: Progress) -> None:
        self._key, self._begun = (progress.split, progress.phase), time.monotonic()
        if not self._bars:
            return
        if self._bar is not None:
            self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(
            f"{self.task} {progress.split}: {PHASE_NOUNS[progress.phase]}", total=progress.total
        )


def line(task: str, progress: Progress, seconds: float) -> str:
    """The progress in words; with `seconds` since its phase began, the rate and the time left."""
    rate = progress.done / seconds if seconds > 0 else 0.0
    text = f"{task} {progress.split}: {progress.done:,}{'' if progress.total is None else f' of {progress.total:,}'}"
    text = f"{text} {PHASE_NOUNS[progress.phase]}, {rate:,.0f} a second"
    if progress.total is None or not rate:
        return text
    return f"{text}, {duration((progress.total - progress.done) / rate)} left"


def _bars(console: Console) -> Bars:
    """Count, rate and time left; a bar that pulses while there is no total."""
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.progress import Task as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        """Items a second."""

        def render(self, task: Bar) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    return Bars(*columns, console=console, transient=True)
