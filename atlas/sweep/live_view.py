"""The live view of a running sweep: how far it is, what leads, what runs, what ended last, and the time left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas.execution.status import RunningStep
from atlas.runtime.console import say
from atlas.runtime.shortened import shortened, shortened_apart
from atlas.runtime.text import counted, duration
from atlas.search.callback import TrialJournal
from atlas.search.trial_record import TrialRecord
from atlas.sweep.plan import Plan
from atlas.sweep.progress import SweepProgress, name_of
from atlas.sweep.supervision import Snapshot

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

REFRESH = 0.5
PLAIN_EVERY = 15.0
OLD_SECONDS = 15.0
FRAME = 4  # columns that the panel's frame takes
WIDE = 110  # columns from which bars are long
MOST_RUNNING = 12  # lines of steps in training
LAST_ENDED = 3

log = logging.getLogger(__name__)


@dataclass
class LiveView:
    """Draws the newest snapshot as one panel, or as plain lines where there is no terminal. A context manager.

    Nothing depends on it: where drawing the panel raises, that is logged and plain lines follow; where these raise,
    too, nothing more is shown. `measured` says what the best trial's percent are of. Once it is `interrupted` it ranks
    nothing that is unfinished.
    """

    console: Console
    plan: Plan
    journal: TrialJournal
    newest: Callable[[], Snapshot]
    measured: str = "val"
    interrupted: bool = False
    _ended: dict[str, None] = field(default_factory=dict)  # Tune's ids of the trials that ended, in that order
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

    def interrupt(self) -> None:
        """Acknowledge an interrupt at once: what is waited for, and what becomes of the trials."""
        self.interrupted = True
        trials = list(self.journal.trials.values())
        ranked = sum(trial.status == "FINISHED" for trial in trials)
        others = max(self.plan.trials, len(trials)) - ranked
        say(
            self.console,
            f"interrupted: waiting for the search to save its state; then the results of the "
            f"{counted(ranked, 'trial')} that finished are written, and {others} unfinished ones are not ranked. "
            f"Ctrl-C again stops at once.",
            style="yellow",
            wrap=self.console.is_terminal,
        )

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
                live.update(self._panel(self.newest(), self.console.width))

    def _print_lines(self) -> None:
        while not self._stop.wait(REFRESH):
            if time.monotonic() - self._printed_at >= PLAIN_EVERY:
                self._printed_at = time.monotonic()
                say(self.console, " · ".join(self._lines(self.newest())))

    def _panel(self, snapshot: Snapshot, width: int = 200) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel

        room = width - FRAME
        found = self._progress(snapshot)
        lines = [
            _bar(found.share, room - 6, f" {100 * found.share:3.0f} %"),
            *map(_plain, self._lines(snapshot, room)),
            *_running_lines(snapshot.broker.running, room, bar=16 if width >= WIDE else 8),
            *map(_plain, self._ended_lines(room)),
        ]
        title, style = ("atlas · interrupted", "yellow") if self.interrupted else ("atlas", "cyan")
        return Panel(Group(*lines), title=title, border_style=style)

    def _progress(self, snapshot: Snapshot) -> SweepProgress:
        trials, passed = list(self.journal.trials.values()), time.monotonic() - self._started
        return SweepProgress(plan=self.plan, snapshot=snapshot, trials=trials, passed=passed)

    def _lines(self, snapshot: Snapshot, room: int | None = None) -> list[str]:
        """What is known of the sweep, a line each; trials' names are cut so that a line has `room` columns at most."""
        found, status = self._progress(snapshot), snapshot.broker
        failed = sum(trial.status == "FAILED" for trial in found.trials)
        taken = sum(len(walk) for trial in found.trials for walk in trial.steps)
        rate = "" if found.steps_a_minute is None else f", {found.steps_a_minute:.1f} steps a minute"
        lines = [
            f"{duration(found.passed)} passed, {100 * found.share:.0f} % done{rate}, {found.time_left}",
            f"trials {found.ended} of {self.plan.trials}" + (f" ({failed} failed)" if failed else ""),
            f"steps trained {status.trained}, running {status.count('running')}, "
            + (f"in the hands of another sweep {elsewhere}, " if (elsewhere := status.count("elsewhere")) else "")
            + f"waiting {status.count('queued', 'waiting')}, used again {max(0, taken - status.count('done'))}",
        ]
        if (leading := found.leading) is not None and not self.interrupted:
            tasks = max(len(order) for order in leading.config.orders)
            start = f"leading after {leading.tasks_seen} of {counted(tasks, 'task')}: "
            lines.append(_named(start, leading, f" ({leading.objective:.1f} % of alone)", room))
        best = found.best
        lines.append("best so far –" if best is None else _named(self._best_start(best), best, "", room))
        return [*lines, *_warnings(snapshot)]

    def _best_start(self, best: TrialRecord) -> str:
        return f"best so far {best.objective:.1f} % ({self.measured}): "

    def _ended_lines(self, room: int) -> list[str]:
        """The trials that ended last, the newest first."""
        trials = dict(self.journal.trials)
        self._ended |= {key: None for key, trial in trials.items() if trial.status != "RUNNING"}
        last = [trials[key] for key in reversed(self._ended) if key in trials][:LAST_ENDED]
        starts = [f"{one.status.lower()} {'' if one.objective is None else f'{one.objective:.1f} % '}" for one in last]
        names = shortened_apart([name_of(one) for one in last], room - max(map(len, starts), default=0))
        return [start + name for start, name in zip(starts, names, strict=True)]


def _named(start: str, trial: TrialRecord, end: str, room: int | None) -> str:
    """A line with a trial's name, which is cut to the room that is left."""
    name = name_of(trial)
    return start + (name if room is None else shortened(name, max(8, room - len(start) - len(end)))) + end


def _warnings(snapshot: Snapshot) -> list[str]:
    """The notes of what is out of order, and the age of a snapshot that should be newer."""
    age = time.monotonic() - snapshot.at
    old = [f"as of {duration(age)} ago"] if age > OLD_SECONDS else []
    return [*snapshot.notes, *old]


def _running_lines(steps: Sequence[RunningStep], room: int, *, bar: int) -> list[Text]:
    """A line a step in training: its fleet, its updates as a bar, its title, seed, loss and speed."""
    from rich.text import Text

    shown = steps[:MOST_RUNNING]
    ends = [_figures(step) for step in shown]
    starts = [f"fleet {step.fleet.rpartition('-')[2]} " for step in shown]
    taken = max(map(len, ends), default=0) + max(map(len, starts), default=0) + bar + 9
    titles = shortened_apart([step.title for step in shown], max(12, room - taken))
    width = max(map(len, titles), default=0)
    lines = [
        Text.assemble(
            (start.ljust(max(map(len, starts))), "dim"),
            _bar(step.progress, bar, f" {100 * step.progress:3.0f} % "),
            title.ljust(width),
            (f"  {end}", "dim"),
            no_wrap=True,
        )
        for step, start, title, end in zip(shown, starts, titles, ends, strict=True)
    ]
    return [
        *lines,
        *([Text(f"… and {counted(len(steps) - len(shown), 'more step')}")] if len(steps) > len(shown) else []),
    ]


def _figures(step: RunningStep) -> str:
    """`seed 0, loss 1.23, 14.2/s`: the last are updates a second."""
    course = step.course
    loss = "" if course.loss is None else f", loss {course.loss:.3g}"
    rate = "" if course.updates_per_second is None else f", {course.updates_per_second:.1f}/s"
    return f"seed {step.seed}{loss}{rate}"


def _bar(share: float, width: int, after: str) -> Text:
    from rich.text import Text

    full = round(width * share)
    return Text.assemble(("━" * full, "cyan"), ("━" * (width - full), "dim"), after, no_wrap=True)


def _plain(line: str) -> Text:
    from rich.text import Text

    return Text(line)  # settings and errors are not markup
