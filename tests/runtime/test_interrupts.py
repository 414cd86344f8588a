"""An interrupt that arrives where Python drops it is delivered again; others pass as they came."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from atlas.runtime.interrupts import (
    TUNE_LEAVES_SIGINT,
    handlers_put_back,
    kept_interrupts,
    search_interrupts,
    uninterrupted,
)


@pytest.fixture(autouse=True)
def python_s_own_handler() -> Iterator[None]:
    """That of a program in the foreground; a background job of a shell ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Held:
    """Something that a weak reference may point to."""


def dropped_in_a_callback() -> None:
    """SIGINT while the callback of a weak reference runs: Python has nobody to raise it to."""
    held = Held()
    kept = weakref.ref(held, lambda reference: signal.raise_signal(signal.SIGINT))
    del held
    assert kept() is None


def work_on_after(interruption: Callable[[], None]) -> None:
    """Be interrupted, then work for a minute."""
    with kept_interrupts():
        interruption()
        time.sleep(60)


def test_an_interrupt_in_a_weak_reference_s_callback_arrives_a_moment_later(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        work_on_after(dropped_in_a_callback)
    assert capfd.readouterr().err == ""


def test_an_interrupt_in_plain_code_is_raised_where_it_arrives() -> None:
    with pytest.raises(KeyboardInterrupt):
        work_on_after(lambda: signal.raise_signal(signal.SIGINT))


def test_the_handlers_that_ray_tune_leaves_behind_go() -> None:
    from ray.tune.tune import _setup_signal_catching

    before = signal.getsignal(signal.SIGUSR1)
    with handlers_put_back():
        _setup_signal_catching()
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGUSR1) is before


def test_other_errors_that_python_drops_are_told_of_as_ever(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda dropped: seen.append(str(dropped.exc_value))
    try:
        with kept_interrupts():
            held = Held()
            kept = weakref.ref(held, lambda reference: [][0])  # type: ignore[misc]  # an IndexError, meant so
            del held
            assert kept() is None
        assert seen == ["list index out of range"]
        assert capfd.readouterr().err == ""
    finally:
        sys.unraisablehook = before


def handlers() -> tuple[object, object, str | None]:
    """The handlers of SIGINT and SIGUSR1, and whether Ray Tune is to leave SIGINT alone."""
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGUSR1), os.environ.get(TUNE_LEAVES_SIGINT)


def test_an_interrupt_before_tune_listens_is_acknowledged_and_raised() -> None:
    before, acknowledged = handlers(), threading.Event()
    with search_interrupts(acknowledged.set), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert acknowledged.wait(10)
    assert handlers() == before


def test_the_first_interrupt_goes_to_tune_acknowledged_and_the_second_is_raised() -> None:
    from ray.tune.tune import _setup_signal_catching

    acknowledged = threading.Semaphore(0)
    with search_interrupts(acknowledged.release), handlers_put_back():  # type: ignore[arg-type]
        interrupted = _setup_signal_catching()
        signal.raise_signal(signal.SIGINT)
        assert acknowledged.acquire(timeout=10)
        assert interrupted.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert not acknowledged.acquire(blocking=False)


def test_a_search_is_ended_from_another_thread_and_outside_of_one_that_does_nothing() -> None:
    from ray.tune.tune import _setup_signal_catching

    with search_interrupts(lambda: None) as interrupts:
        assert interrupts is not None
        interrupts.end_search()
        with handlers_put_back():
            interrupted = _setup_signal_catching()
            threading.Thread(target=interrupts.end_search).start()
            assert interrupted.wait(10)
        interrupts.end_search()


def test_in_another_thread_no_interrupt_is_handled() -> None:
    found: list[object] = []

    def enter() -> None:
        with search_interrupts(lambda: None) as interrupts, uninterrupted():
            found.append(interrupts)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [None]


def test_an_interrupt_is_ignored_for_a_while_and_raised_after_it() -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
