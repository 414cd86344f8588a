"""An interrupt that arrives where Python drops it is delivered again; others pass as they came."""

from __future__ import annotations

import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from atlas.runtime.interrupts import handlers_put_back, kept_interrupts


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
