"""The clock of a training: how far it is, by updates or by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator

RISE = 0.05  # of all updates, at most, is the rate rising


class TrainingClock:
    """Counts updates up to `updates`, or, where minutes are given, as many as fit.

    warm: updates over which the rate rises, or RISE of all where those are fewer; it falls linearly to 0 afterwards.
    every: seconds between reports.
    """

    def __init__(self, *, updates: int, warm: int, minutes: float | None, every: float) -> None:
        self.began, self.reported = time.monotonic(), time.monotonic()
        self.total, self.warm, self.minutes, self.every = updates, warm, minutes, every
        self.done, self.started = 0, self.began

    @property
    def elapsed(self) -> float:
        """Minutes since the beginning."""
        return (time.monotonic() - self.began) / 60

    @property
    def progress(self) -> float:
        """The share that is done, 0 … 1."""
        if self.minutes is None:
            return self.done / self.total
        return min(1.0, (time.monotonic() - self.started) / max(1e-9, 60 * self.minutes - (self.started - self.began)))

    @property
    def ended(self) -> bool:
        """Whether no update is left."""
        return self.progress >= 1

    def updates(self) -> Iterator[int]:
        """The numbers of the updates; the training begins when the first is asked for."""
        self.started = time.monotonic()
        number = 0
        while self.minutes is not None or number < self.total:
            yield number
            number += 1

    def share_of_rate(self) -> float:
        """The share of the highest rate for the next update."""
        risen = max((self.done + 1) / self.warm, self.progress / RISE)
        return min(risen, 1 - self.progress)

    def done_one(self) -> bool:
        """Counts an update; whether a report is due."""
        self.done += 1
        return self.ended or time.monotonic() - self.reported > self.every

    def report(self, text: str) -> None:
        """Prints how far it is, and a text."""
        self.reported = time.monotonic()
        speed = self.done / max(1e-9, self.reported - self.started)
        self.say(f"update {self.done}, {100 * self.progress:.0f} %, {speed:.1f} a second; {text}")

    def say(self, text: str) -> None:
        """Prints the seconds since the beginning, and a text."""
        print(f"{60 * self.elapsed:6.1f} s: {text}", flush=True)
