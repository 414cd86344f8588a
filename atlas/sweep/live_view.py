"""The live view of a running sweep: trials, steps, what runs, the best so far, time left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas.execution.status import BrokerStatus, RunningStep
from atlas.runtime.console import say
from atlas.runtime.text import duration
from atlas.search.callback import TrialJournal
from atlas.sweep.plan import Plan
from atlas.sweep.supervision import Snapshot

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

REFRESH = 0.5
PLAIN_EVERY = 15.0
OLD_SECONDS = 15.0

log = logging.getLogger(__name__)


@dataclass
class LiveView:
    """Draws the newest snapshot as one panel, or as plain lines where there is no terminal. A context manager.

    Nothing depends on it: where drawing the panel raises, that is logged and plain lines follow; where these raise,
    too, nothing more is shown.
    """

    console: Console
    plan: Plan
    journal: TrialJournal
    newest: Callable[[], Snapshot]
    _stop: threading.Event = field(default_factory=threading.Event)
    _started: float = field(default_factory=time.monotonic)
    _printed_at: float = 0.0

    def __enter__(self) -> LiveView:
        self._thread = threading.Thread(target=self._run, daemon=True, name="view")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for draw in (self._draw_panel, self._print_lines) if self.console.is_terminal else (self._print_lines,):
            try:
                return draw()
            except Exception:
                log.exception("the view of the sweep failed; the sweep goes on")
        return None

    def _draw_panel(self) -> None:
        from rich.live import Live

        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            while not self._stop.wait(REFRESH):
                live.update(self._panel(self.newest()))

    def _print_lines(self) -> None:
        while not self._stop.wait(REFRESH):
            if time.monotonic() - self._printed_at >= PLAIN_EVERY:
                self._printed_at = time.monotonic()
                say(self.console, " · ".join(self._lines(self.newest())))

    def _panel(self, snapshot: Snapshot) -> RenderableType:
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for line in self._lines(snapshot):
            table.add_row(Text(line))  # settings and errors are not markup
        for step in snapshot.broker.running:
            table.add_row(_step_line(step))
        return Panel(table, title="atlas", border_style="cyan")

    def _lines(self, snapshot: Snapshot) -> list[str]:
        status = snapshot.broker
        trials = list(self.journal.trials.values())
        ended = sum(trial.status != "RUNNING" for trial in trials)
        failed = sum(trial.status == "FAILED" for trial in trials)
        taken = sum(len(walk) for trial in trials for walk in trial.steps)
        lines = [
            f"{duration(time.monotonic() - self._started)} passed, {self._time_left(status)}",
            f"trials {ended} of {self.plan.trials}" + (f" ({failed} failed)" if failed else ""),
            f"steps trained {status.trained}, running {status.count('running')}, "
            + (f"in the hands of another sweep {elsewhere}, " if (elsewhere := status.count("elsewhere")) else "")
            + f"waiting {status.count('queued', 'waiting')}, used again {max(0, taken - status.count('done'))}",
        ]
        return [*lines, f"best so far {self._best()}", *_warnings(snapshot)]

    def _best(self) -> str:
        ended = [t for t in self.journal.trials.values() if t.objective is not None and t.status == "FINISHED"]
        if not ended:
            return "–"
        best = max(ended, key=lambda trial: trial.objective or 0.0)
        what = " > ".join(best.walks[0].order) if len(best.walks) == 1 else str(best.settings)
        return f"{best.objective:.1f} % (val): {what}"

    def _time_left(self, status: BrokerStatus) -> str:
        if self.plan.missing == 0:
            return "nothing to train"
        if not status.fleets:
            return f"fleets are starting, about {duration(self.plan.seconds)} in all"
        if status.trained < 2:
            return f"about {duration(self.plan.seconds)} in all"
        at_once = max(1, len(status.running))
        left = max(0, self.plan.missing - status.trained) * status.trained_seconds / status.trained / at_once
        return f"about {duration(left)} left"


def _warnings(snapshot: Snapshot) -> list[str]:
    """The notes of what is out of order, and the age of a snapshot that should be newer."""
    age = time.monotonic() - snapshot.at
    old = [f"as of {duration(age)} ago"] if age > OLD_SECONDS else []
    return [*snapshot.notes, *old]


def _step_line(step: RunningStep, width: int = 16) -> Text:
    """The fleet's number, the share of updates done as a bar, and the step's title."""
    from rich.text import Text

    full = round(width * step.progress)
    bar = ("━" * full, "cyan"), ("━" * (width - full), "dim")
    return Text.assemble((f"fleet {step.fleet.rpartition('-')[2]}", "dim"), " ", *bar, " ", step.title)
