"""The broker's clock, which a simulator replaces by a virtual one."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock in seconds, and waiting by it."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""

    async def wait(self, event: asyncio.Future[None], seconds: float) -> None:
        """Wait until `event` is done, `seconds` at most. The event is not cancelled."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return time.monotonic()

    async def wait(self, event: asyncio.Future[None], seconds: float) -> None:
        """Wait until `event` is done, `seconds` at most. The event is not cancelled."""
        await asyncio.wait([event], timeout=seconds)
