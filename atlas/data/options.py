"""Options of `prepare` that do not change its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from atlas.runtime.errors import UserError

MOST_BROKEN = 0.01  # the share of a split's records that may be broken, unless told otherwise
MOST_TIED = 0.1  # the share of records with two choices of the same tokens that is taken, unless it is told otherwise

Phase = Literal["reading", "pictures", "texts", "joining"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a split: `done` of `total` records, or pictures while those are decoded or joined.

    No total while the records are being read, since they have not been counted before.
    """

    split: str
    phase: Phase
    done: int
    total: int | None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """Options of `prepare` that do not change its output.

    most_broken: the share of a split's records that may be broken. most_tied: the share that may have two choices of
    the same tokens. same_files: take source files that are the same to the byte. strict: hold these limits for data
    that was prepared before, too. again: prepare anew what is there. ray: whether to use Ray Data; None lets the amount
    of work decide. progress: called with the progress.

    Raises:
        UserError: a share outside [0, 1].
    """

    most_broken: float = MOST_BROKEN
    most_tied: float = 1.0
    strict: bool = False
    same_files: bool = False
    again: bool = False
    ray: bool | None = None
    progress: OnProgress | None = None

    def __post_init__(self) -> None:
        for what, share in (("broken", self.most_broken), ("tied", self.most_tied)):
            if not 0 <= share <= 1:
                raise UserError(f"the share of records that may be {what} is {share}; give 0 to 1.")

    def report(self, split: str, phase: Phase, done: int, total: int | None) -> None:
        """Report progress."""
        if self.progress:
            self.progress(Progress(split=split, phase=phase, done=done, total=total))


class PhaseProgress:
    """Adds up the items done in a phase and reports them."""

    def __init__(self, prepare_options: PrepareOptions, split: str, phase: Phase, total: int) -> None:
        self.prepare_options, self.split, self.phase, self.total, self.done = prepare_options, split, phase, total, 0
        self(0)

    def __call__(self, items: int) -> None:
        self.done += items
        self.prepare_options.report(self.split, self.phase, self.done, self.total)
