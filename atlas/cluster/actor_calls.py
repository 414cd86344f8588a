"""Calls of actors whose result is not waited for."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from atlas.runtime.redact import redacted

if TYPE_CHECKING:
    from ray import ObjectRef

log = logging.getLogger(__name__)


def log_failure(promise: ObjectRef, call: str) -> None:
    """Log the exception of `call`, should it fail: without this, Ray drops it together with the reference."""
    promise.future().add_done_callback(partial(_log, call))


def _log(call: str, done: Future[object]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("%s failed: %s", call, redacted(str(error)))
