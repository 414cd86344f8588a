"""A device whose memory does not suffice: batches in parts, and the error that names what to lower."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch

from atlas.data.loader import Batch
from atlas.runtime.errors import StepError
from atlas.runtime.text import first_line

T = TypeVar("T")
# what CUDA and its libraries say where they, and not PyTorch, ask for memory
SIGNS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
LOWER = (
    "lower --batch-size (or give it as auto), --rank or --tokens, train in --precision bfloat16, let fewer fleets "
    "share a GPU, or, with a model that answers in words, add --recompute or --weights 4-bit"
)


class OutOfMemory(StepError):
    """A step that the memory of its device does not hold. Another attempt would need as much."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that a device's memory does not suffice."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def out_of_memory(error: BaseException) -> OutOfMemory:
    """The error for people."""
    return OutOfMemory(f"out of memory: {LOWER} ({first_line(error)})")


@contextmanager
def telling_of_memory() -> Iterator[None]:
    """A block whose errors for want of memory are raised as OutOfMemory."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        free_unused()
        raise out_of_memory(error) from error


def free_unused() -> None:
    """Give memory that PyTorch keeps for later back to the GPU."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class InParts(Generic[T]):
    """A function of batches, called on as large parts of each as the memory of the device holds.

    `compute` gives a row a record, which no other record decides; `join` puts the rows of parts together.
    """

    def __init__(self, compute: Callable[[Batch], T], join: Callable[[list[T]], T]) -> None:
        self.compute, self.join, self.parts = compute, join, 1

    def __call__(self, batch: Batch) -> T:
        """What `compute` gives for a batch. Raises torch.OutOfMemoryError where a single record is too large."""
        while (found := self._attempt(batch)) is None:
            self.parts *= 2
            free_unused()
        return found

    def _attempt(self, batch: Batch) -> T | None:
        """None where the parts are too large; the failed attempt's tensors are free once it has returned."""
        try:
            return self.join([self.compute(part) for part in batch.chunk(self.parts)])
        except RuntimeError as error:
            if not is_out_of_memory(error) or self.parts >= len(batch):
                raise
            return None
