"""Reading ahead: threads that read what comes next, while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

AHEAD = 2  # requests a thread that are read before the one that is awaited

Request = TypeVar("Request")
Answer = TypeVar("Answer")


def read_ahead(
    requests: Iterable[Request], read: Callable[[Request], Answer], *, threads: int, device: torch.device
) -> Generator[Answer, None, None]:
    """What `read` gives for each request, in the requests' order; its errors are raised in their turn.

    So many `threads` read ahead of what is asked for; with none, each request is read when it is asked for. Threads
    suffice: arrays are copied without Python's global lock. Close the iterator to end it early.
    """
    if not threads:
        yield from map(read, requests)
        return
    pool = ThreadPoolExecutor(threads, "read-ahead", initializer=_use, initargs=(device,))
    pending: deque[Future[Answer]] = deque()
    try:
        for request in requests:
            pending.append(pool.submit(read, request))
            if len(pending) > AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _use(device: torch.device) -> None:
    """Make the device this thread's, where it is a certain one: pinned memory would else belong to the first."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
