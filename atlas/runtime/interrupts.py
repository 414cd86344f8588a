"""Ctrl-C that is not lost, wherever in Python or below it arrives."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

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
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt() -> None:
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGINT)
