"""Waiting for room: a disk that is full today is freed tomorrow, and what was learnt is still in memory."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from atlas.errors import AtlasError

__all__ = ["when_there_is_room"]

log = logging.getLogger(__name__)

FULL = {errno.ENOSPC, errno.EDQUOT}
POLL_SECONDS = 2.0
WAIT_SECONDS = 1800.0
T = TypeVar("T")


def when_there_is_room(write: Callable[[], T], where: str) -> T:
    """What `write` gives; where the disk is full, it is called again every two seconds, for half an hour at most.

    `write` must leave nothing behind where it fails.

    Raises:
        AtlasError: the disk was full for so long.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while True:
        try:
            return write()
        except OSError as error:
            if error.errno not in FULL:
                raise
            if time.monotonic() >= deadline:
                raise AtlasError(
                    f"{where} has been full for {WAIT_SECONDS / 60:g} minutes ({error}). Free some room and resume."
                ) from error
        if not told:
            log.warning("%s is full; waiting for room, and going on once there is some", where)
            told = True
        time.sleep(POLL_SECONDS)
