"""In which manner a task is prepared: nothing here changes what is prepared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from atlas.runtime.errors import AtlasError

Phase = Literal["reading", "pictures", "texts", "joining"]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far a split is: `done` of `total` records, or pictures while those are decoded or joined. No total while the
    records are being read, since nobody has counted them before.
    """

    split: str
    phase: Phase
    done: int
    total: int | None


Progress = Callable[[Mark], None]


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """most_broken: the share of a split's records that may be broken. ray: whether Ray Data does the work; None lets
    the amount of work decide. progress: told of every mark.

    Raises:
        AtlasError: a share outside [0, 1].
    """

    most_broken: float = 0.01
    ray: bool | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.most_broken <= 1:
            raise AtlasError(f"the share of records that may be broken is {self.most_broken}; give 0 to 1.")

    def tell(self, split: str, phase: Phase, done: int, total: int | None) -> None:
        """Pass a mark on."""
        if self.progress:
            self.progress(Mark(split=split, phase=phase, done=done, total=total))
