"""Ctrl-C that is not lost, wherever in Python or below it arrives."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

TUNE_LEAVES_SIGINT = "TUNE_DISABLE_SIGINT_HANDLER"  # Ray Tune then listens to SIGUSR1 alone

Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

AGAIN_SECONDS = 0.05


@contextmanager
def kept_interrupts() -> Iterator[None]:
    """While it lasts, a KeyboardInterrupt that Python would drop is delivered again a moment later.

    Python raises it between any two instructions of the main thread. Where these belong to a finaliser or to the
    callback of a weak reference, which have nobody to raise it to, it prints a traceback and goes on as before.
    """
    before = sys.unraisablehook

    def hook(dropped: UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(AGAIN_SECONDS, _interrupt).start()
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def handlers_put_back() -> Iterator[None]:
    """Afterwards the signals that Ray Tune listens to while it runs are handled as before.

    Where it ends by itself, Tune (2.60) leaves its handlers behind, and they would swallow the next Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():  # there Tune does not listen, nor may anybody
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    try:
        yield
    finally:
        _put_back(before)


@dataclass
class SearchInterrupts:
    """SIGINT while a search runs: acknowledged at once, then passed to Ray Tune; the second one is raised.

    Tune saves the search's state before it ends. Where Tune does not listen, the first one is raised, too.
    """

    acknowledge: Callable[[], None]
    _came: bool = False

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """The handler of SIGINT."""
        first, self._came = not self._came, True
        if first:
            threading.Thread(target=self.acknowledge, daemon=True).start()  # a handler must not write by itself
        if first and signal.getsignal(signal.SIGUSR1) != self.ignore:
            signal.raise_signal(signal.SIGUSR1)
        else:
            raise KeyboardInterrupt

    def ignore(self, number: int, frame: FrameType | None) -> None:
        """The handler of SIGUSR1 while Tune has none."""

    def end_search(self) -> None:
        """End Tune's search from any thread, as the first SIGINT does; nothing happens where Tune does not listen."""
        if (main := threading.main_thread().ident) is not None:
            signal.pthread_kill(main, signal.SIGUSR1)


@contextmanager
def search_interrupts(acknowledge: Callable[[], None]) -> Iterator[SearchInterrupts | None]:
    """Handle SIGINT as `SearchInterrupts` does; None outside of the main thread, where no signal arrives."""
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    interrupts = SearchInterrupts(acknowledge)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    variable = os.environ.get(TUNE_LEAVES_SIGINT)
    os.environ[TUNE_LEAVES_SIGINT] = "1"
    signal.signal(signal.SIGUSR1, interrupts.ignore)
    signal.signal(signal.SIGINT, interrupts.interrupt)
    try:
        yield interrupts
    finally:
        _put_back(before)
        os.environ.pop(TUNE_LEAVES_SIGINT)
        if variable is not None:
            os.environ[TUNE_LEAVES_SIGINT] = variable


@contextmanager
def uninterrupted() -> Iterator[None]:
    """While it lasts, SIGINT is ignored: for a few seconds' work that has to be done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signal.SIGINT: signal.getsignal(signal.SIGINT)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        _put_back(before)


def _put_back(handlers: dict[signal.Signals, Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set from Python


def _interrupt() -> None:
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGINT)
