"""The live view of a running sweep: trials, steps, what runs, the best so far, time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas.execution.status import BrokerStatus
from atlas.runtime.text import duration
from atlas.search.callback import TrialJournal
from atlas.sweep.plan import Plan

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

REFRESH = 0.5
PLAIN_EVERY = 15.0


@dataclass
class LiveView:
    """Polls the broker and shows one panel, or plain lines where there is no terminal. A context manager.

    `on_status` is called with each status of the broker, so that fleets can be started when steps queue up.
    """

    console: Console
    plan: Plan
    journal: TrialJournal
    poll: Callable[[], BrokerStatus]
    on_status: Callable[[BrokerStatus], None] = lambda status: None
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
        if not self.console.is_terminal:
            while not self._stop.wait(REFRESH):
                self._print_line(self._status())
            return
        from rich.live import Live

        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            while not self._stop.wait(REFRESH):
                live.update(self._panel(self._status()))

    def _status(self) -> BrokerStatus:
        status = self.poll()
        self.on_status(status)
        return status

    def _print_line(self, status: BrokerStatus) -> None:
        if time.monotonic() - self._printed_at >= PLAIN_EVERY:
            self._printed_at = time.monotonic()
            self.console.print(" · ".join(self._lines(status)), highlight=False, soft_wrap=True)

    def _panel(self, status: BrokerStatus) -> RenderableType:
        from rich.panel import Panel
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for line in self._lines(status):
            table.add_row(line)
        for step in status.running:
            table.add_row(f"[dim]fleet {step.fleet.rpartition('-')[2]}[/] {_bar(step.progress)} {step.title}")
        return Panel(table, title="atlas", border_style="cyan")

    def _lines(self, status: BrokerStatus) -> list[str]:
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
        return [*lines, f"best so far {self._best()}"]

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


def _bar(progress: float, width: int = 16) -> str:
    full = round(width * progress)
    return f"[cyan]{'━' * full}[/][dim]{'━' * (width - full)}[/]"
