"""Retry while the disk is full or the store unreachable."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from atlas.runtime.errors import AccessDenied, AtlasError, StorageUnavailable
from atlas.runtime.os_errors import is_denied, is_full, is_unreachable
from atlas.runtime.text import first_line

__all__ = ["retried", "retry_while_away", "retry_while_full"]

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
WAIT_SECONDS = 1800.0
REMEDY = "Give this user the credentials (in the environment of every node) or the permissions that it takes"


class Retrying(Protocol):
    """An object whose methods may retry: `uri` identifies it in messages, `patient` turns retrying on."""

    @property
    def uri(self) -> str: ...

    @property
    def patient(self) -> bool: ...


T = TypeVar("T")
P = ParamSpec("P")
Self = TypeVar("Self", bound=Retrying)


@dataclass(frozen=True, kw_only=True)
class _Trouble:
    """A transient fault: the test for its errors, and the messages at once and after `WAIT_SECONDS`."""

    is_it: Callable[[BaseException | None], bool]
    now: str
    long: str
    todo: str


def retry_while_full(write: Callable[[], T], where: str) -> T:
    """Call `write` until the disk has room, every `POLL_SECONDS` for half an hour at most; returns its result.

    `write` must leave nothing behind where it fails.

    Raises:
        StorageUnavailable: the disk was full for so long.
        AccessDenied: this user may not write there.
    """
    now = "is full; waiting for room, and going on once there is some"
    return _retry(write, where, _Trouble(is_it=is_full, now=now, long="has been full", todo="Free some room"))


def retry_while_away(act: Callable[[], T], where: str) -> T:
    """Call `act` until the store behind it answers, for half an hour at most; returns its result.

    `act` must be idempotent.

    Raises:
        StorageUnavailable: the store did not answer for so long.
        AccessDenied: it answers, and refuses this user.
    """
    now = "does not answer ({error}); waiting for it, and going on once it does"
    todo = "Bring it back"
    return _retry(act, where, _Trouble(is_it=is_unreachable, now=now, long="has not answered", todo=todo))


def retried(method: Callable[Concatenate[Self, P], T]) -> Callable[Concatenate[Self, P], T]:
    """The method, retried by `retry_while_away` where its object is patient."""

    @functools.wraps(method)
    def retrying(self: Self, *given: P.args, **named: P.kwargs) -> T:
        if not self.patient:
            return method(self, *given, **named)
        return retry_while_away(lambda: method(self, *given, **named), f"the store {self.uri}")

    return retrying


def _retry(act: Callable[[], T], where: str, trouble: _Trouble) -> T:
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while True:
        try:
            return act()
        except (OSError, AtlasError) as error:
            if is_denied(error) and not isinstance(error, AccessDenied):
                raise AccessDenied(f"{where} refuses access: {first_line(error)}. {REMEDY}, and resume.") from error
            if not trouble.is_it(error):
                raise
            if time.monotonic() >= deadline:
                raise StorageUnavailable(
                    f"{where} {trouble.long} for {WAIT_SECONDS / 60:g} minutes ({error}). {trouble.todo} and resume."
                ) from error
            if not told:
                log.warning("%s %s", where, trouble.now.format(error=error))
                told = True
        time.sleep(POLL_SECONDS)
